// On the page of the search. A number is looked for like a word, which _ext/search_numbers.py has put into the index; and
// the pages of decisions, which have a word on everything, come after those that explain it.
document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const words = Search._parseQuery;
  Search._parseQuery = query => {
    const found = words(query);
    const [, searched, , highlighted] = found;
    for (const number of splitQuery(query)) {
      if (!/^[0-9]{3,5}$/.test(number)) continue;
      searched.add(number);
      highlighted.add(number);
    }
    return found;
  };
  Scorer.score = ([page, , , , score]) => (page.startsWith("decisions") ? score / 10 : score);
});
