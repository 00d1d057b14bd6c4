// A result as a bar chart in SVG: medians, and a line from the least to the most.
import { HEADRACE, type Result } from './harness/report.ts';
import { short, spreadOf } from './harness/statistics.ts';

/** As wide as a phone: a page makes it no smaller, so that its labels can be read. */
const WIDTH = 340;
const VALUE = 110;
const BAR = 16;
const ROW = 44;
const TOP = 84;

/** Bars longer than this many times Headrace's are cut: what is far away need not be exact. */
const MOST = 6;

export function plot({ title, unit, rows }: Result): string {
  const spreads = rows.map(({ peer, values }) => ({ peer, ...spreadOf(values) }));
  const own = spreads.find(({ peer }) => peer === HEADRACE)?.median ?? 1;
  const largest = Math.min(Math.max(...spreads.map(({ max }) => max)), own * MOST);
  const scale = (value: number) => (Math.min(value, largest) / largest) * (WIDTH - VALUE);
  const height = TOP + rows.length * ROW + 8;
  const bars = spreads.map(({ peer, median, min, max }, i) => {
    const y = TOP + i * ROW;
    const bar = y + 6;
    const middle = bar + BAR / 2;
    const end = Math.max(scale(median), scale(max));
    const isCut = median > largest;
    return [
      `<text x="0" y="${y}">${escaped(peer)}</text>`,
      `<rect x="0" y="${bar}" width="${px(scale(median))}" height="${BAR}" class="${peer === HEADRACE ? 'own' : 'peer'}"/>`,
      `<line x1="${px(scale(min))}" x2="${px(scale(max))}" y1="${middle}" y2="${middle}"/>`,
      `<text x="${px(end + 8)}" y="${middle + 5}">${short(median)}${isCut ? ' (bar cut)' : ''}</text>`,
    ].join('\n  ');
  });
  const [head, rest] = inTwo(title);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">
  <style>
    .ground { fill: #ffffff }
    text { font: 14px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600 }
    .unit { font-size: 11.5px; fill: #57606a }
    .own { fill: #0b6b76 }
    .peer { fill: #afb8c1 }
    line { stroke: #24292f; stroke-width: 1.5 }
    @media (prefers-color-scheme: dark) { .ground { fill: #0d1117 } text { fill: #e6edf3 } .unit { fill: #8d96a0 } .own { fill: #5fc6d1 } .peer { fill: #57606a } line { stroke: #e6edf3 } }
  </style>
  <rect width="${WIDTH}" height="${height}" class="ground"/>
  <text x="0" y="18" class="title">${escaped(head)}</text>
  <text x="0" y="36" class="title">${escaped(rest)}</text>
  <text x="0" y="54" class="unit">${escaped(unit)}</text>
  ${bars.join('\n  ')}
</svg>
`;
}

/** `echo, 50 connections x 64 …` becomes `echo-50-connections-x-64-…`. */
export function fileNameOf({ title }: Result): string {
  return `${title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/-$/, '')}.svg`;
}

/** A title in two lines of about the same length. */
function inTwo(title: string): [string, string] {
  const half = title.lastIndexOf(' ', Math.max(title.length / 2 + 6, 24));
  if (title.length < 44) return [title, ''];
  return [title.slice(0, half), title.slice(half + 1)];
}

function px(value: number): string {
  return value.toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
