/** A small curve over the last two minutes. */

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 240;
const HEIGHT = 44;

/**
 * @param {Element} svg
 * @param {{ values: readonly number[], className: string }[]} lines drawn to one scale; a value of `NaN` is a gap
 */
export function drawCurve(svg, lines) {
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  const largest = Math.max(1, ...lines.flatMap(({ values }) => values.filter((value) => !Number.isNaN(value))));
  while (svg.childElementCount < lines.length) svg.append(document.createElementNS(SVG, 'path'));
  for (const [i, { values, className }] of lines.entries()) {
    const path = svg.children[i];
    path?.setAttribute('class', className);
    path?.setAttribute('d', pathOf(values, largest));
  }
}

/**
 * @param {readonly number[]} values
 * @param {number} largest
 */
function pathOf(values, largest) {
  const step = WIDTH / Math.max(values.length - 1, 1);
  let path = '';
  let pen = 'M';
  for (const [i, value] of values.entries()) {
    if (Number.isNaN(value)) {
      pen = 'M';
      continue;
    }
    const y = HEIGHT - 2 - (value / largest) * (HEIGHT - 6);
    path += `${pen}${(i * step).toFixed(1)} ${y.toFixed(1)}`;
    pen = 'L';
  }
  return path;
}
