// Buttons that copy a text: <button data-copy="ID" hidden>Copy</button>. Without a script, or a clipboard, they stay hidden.

if (navigator.clipboard)
  for (const button of document.querySelectorAll("[data-copy]")) {
    const word = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = word), 2000);
    });
  }
