// Text that differs too little from what is behind it (WCAG 2.2, 1.4.3), one example of each pair of colours.
// axe's own rule looks at each piece of text in turn, which takes a minute for a page of code: here a pair is enough.
() => {
  const channels = colour => (colour.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const over = ([r, g, b, a = 1], below) => a === 1 ? [r, g, b] : [r, g, b].map((one, n) => one * a + below[n] * (1 - a));
  const luminance = rgb => rgb
    .map(one => one / 255)
    .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, n) => sum + one * [0.2126, 0.7152, 0.0722][n], 0);
  const backgrounds = new Map();
  const behind = element => {
    if (!element) return [255, 255, 255];
    if (!backgrounds.has(element)) {
      const own = channels(getComputedStyle(element).backgroundColor);
      backgrounds.set(element, own[3] === 0 ? behind(element.parentElement) : over(own, own[3] === undefined ? null : behind(element.parentElement)));
    }
    return backgrounds.get(element);
  };
  const wrong = new Map();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || element.closest("svg, script, style, noscript")) continue;
    const style = getComputedStyle(element);
    const background = behind(element);
    const colour = over(channels(style.color), background);
    const pair = `${style.color} on ${background}`;
    if (wrong.has(pair) || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const [high, low] = [luminance(colour), luminance(background)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) wrong.set(pair, `${pair} is ${ratio.toFixed(2)}: ${element.outerHTML.slice(0, 160)}`);
  }
  return [...wrong.values()];
}
