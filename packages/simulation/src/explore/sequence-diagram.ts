import type { TraceEntry } from '../world/simulation-trace.ts';

const LANE_WIDTH = 240;
const LEFT = 110;
const TOP = 70;
const ROW_HEIGHT = 24;
/** The space beside the last lane. */
const NOTE_WIDTH = 260;
const TEXT_LIMIT = 44;
const NOTE_LIMIT = 50;
const RED = '#c22f2f';
const BLUE = '#1f5fa8';
const GREEN = '#2b7a3d';

/**
 * Draws a sequence diagram as the text of an SVG file with a background of its own. Each host has a lane, and time runs from
 * top to bottom. An arrow shows a message, and a red line shows a fault.
 */
export function sequenceDiagram(entries: readonly TraceEntry[], title: string): string {
  const hosts = [...new Set(entries.flatMap(({ host, to }) => [host, to ?? '']))].filter(
    (host) => host !== '',
  );
  const x = new Map(hosts.map((host, index) => [host, LEFT + LANE_WIDTH * (index + 0.5)]));
  const width = LEFT + LANE_WIDTH * Math.max(1, hosts.length) + NOTE_WIDTH;
  const height = TOP + ROW_HEIGHT * (entries.length + 1);
  const lanes = hosts.map((host) => lane(host, x.get(host)!, height));
  const rows = entries.map((entry, index) => row(entry, TOP + ROW_HEIGHT * (index + 1), x, width));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="ui-monospace, monospace" font-size="12">`,
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">',
    '<path d="M0 0L8 4L0 8z" fill="#1f5fa8"/></marker>',
    '<marker id="cross" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="9" markerHeight="9">',
    '<path d="M1 1L7 7M7 1L1 7" stroke="#c22f2f" fill="none"/></marker></defs>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(12, 22, title, '#111111', 'font-weight="bold"'),
    ...lanes,
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}

function lane(host: string, x: number, height: number): string {
  const name = text(x, TOP - 16, host, '#111111', 'text-anchor="middle" font-weight="bold"');
  return `${name}\n<line x1="${x}" y1="${TOP - 8}" x2="${x}" y2="${height - 8}" stroke="#9aa4ae"/>`;
}

function row(
  { atMs, host, to, kind, what }: TraceEntry,
  y: number,
  x: ReadonlyMap<string, number>,
  width: number,
): string {
  const time = text(LEFT - 14, y, atMs.toFixed(1), '#5b6670', 'text-anchor="end"');
  const at = x.get(host);
  if (kind === 'fault') {
    const line = `<line x1="${LEFT}" y1="${y + 4}" x2="${width - 20}" y2="${y + 4}" stroke="${RED}" stroke-dasharray="5 4"/>`;
    const shown = at === undefined ? what : `${what} ${host}`;
    return `${time}\n${line}\n${text(LEFT + 4, y, shown, RED)}`;
  }
  const end = to === undefined ? undefined : x.get(to);
  if (at === undefined || end === undefined) {
    const fill = what.startsWith('FAILED') ? RED : GREEN;
    const dot = at === undefined ? '' : `<circle cx="${at}" cy="${y - 4}" r="3" fill="${fill}"/>`;
    return `${time}\n${dot}${text((at ?? LEFT) + 8, y, cut(what, NOTE_LIMIT), fill)}`;
  }
  const middle = (at + end) / 2;
  const isLost = kind === 'lost';
  const fill = isLost ? RED : BLUE;
  const stops = isLost ? middle : end;
  const line = `<line x1="${at}" y1="${y + 3}" x2="${stops}" y2="${y + 3}" stroke="${fill}" marker-end="url(#${isLost ? 'cross' : 'arrow'})"/>`;
  const label = text(middle, y - 1, cut(what, TEXT_LIMIT), fill, 'text-anchor="middle"');
  return `${time}\n${line}\n${label}`;
}

function cut(content: string, limit: number): string {
  return content.length > limit ? `${content.slice(0, limit - 1)}…` : content;
}

function text(x: number, y: number, content: string, fill: string, more = ''): string {
  return `<text x="${x}" y="${y}" fill="${fill}" ${more}>${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/\p{Cc}/gu, ' ');
}
