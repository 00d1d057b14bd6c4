// A result as a bar chart in SVG: medians, and a line from the least to the most.
import { HEADRACE, type Result } from './harness/report.ts';
import { short, spreadOf } from './harness/statistics.ts';

const WIDTH = 720;
const LABEL = 150;
const VALUE = 150;
const BAR = 26;
const GAP = 12;
const TOP = 58;

/** Bars longer than this many times Headrace's are cut: what is far away need not be exact. */
const MOST = 6;

export function plot({ title, unit, rows }: Result): string {
  const spreads = rows.map(({ peer, values }) => ({ peer, ...spreadOf(values) }));
  const own = spreads.find(({ peer }) => peer === HEADRACE)?.median ?? 1;
  const largest = Math.min(Math.max(...spreads.map(({ max }) => max)), own * MOST);
  const scale = (value: number) => (Math.min(value, largest) / largest) * (WIDTH - LABEL - VALUE);
  const height = TOP + rows.length * (BAR + GAP) + 8;
  const bars = spreads.map(({ peer, median, min, max }, i) => {
    const y = TOP + i * (BAR + GAP);
    const middle = y + BAR / 2;
    const end = LABEL + scale(median);
    const isCut = median > largest;
    return [
      `<text x="${LABEL - 10}" y="${middle + 5}" text-anchor="end">${escaped(peer)}</text>`,
      `<rect x="${LABEL}" y="${y}" width="${px(scale(median))}" height="${BAR}" class="${peer === HEADRACE ? 'own' : 'peer'}"/>`,
      `<line x1="${px(LABEL + scale(min))}" x2="${px(LABEL + scale(max))}" y1="${middle}" y2="${middle}"/>`,
      `<text x="${px(Math.max(end, LABEL + scale(max)) + 8)}" y="${middle + 5}">${short(median)}${isCut ? ' (bar cut)' : ''}</text>`,
    ].join('\n  ');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">
  <style>
    .ground { fill: #ffffff }
    text { font: 14px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600 }
    .unit { font-size: 12px; fill: #57606a }
    .own { fill: #1f6feb }
    .peer { fill: #afb8c1 }
    line { stroke: #24292f; stroke-width: 1.5 }
    @media (prefers-color-scheme: dark) { .ground { fill: #0d1117 } text { fill: #e6edf3 } .unit { fill: #8d96a0 } .peer { fill: #57606a } line { stroke: #e6edf3 } }
  </style>
  <rect width="${WIDTH}" height="${height}" class="ground"/>
  <text x="10" y="24" class="title">${escaped(title)}</text>
  <text x="10" y="43" class="unit">${escaped(unit)}; smaller is better; the line goes from the least to the most of the rounds</text>
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

function px(value: number): string {
  return value.toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
