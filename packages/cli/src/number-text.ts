// Numbers as people read them.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Returns a count with commas: 1,234. */
export function countText(count: number): string {
  return count.toLocaleString('en-US');
}

/** Returns a number of bytes with about three digits: 1.23 MB. A kilobyte has 1000 bytes. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** Returns a time with its two largest units: 3 d 4 h. */
export function durationText(ms: number): string {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return pair(ms, MINUTE, 'min', SECOND, 's');
  if (ms < DAY) return pair(ms, HOUR, 'h', MINUTE, 'min');
  return pair(ms, DAY, 'd', HOUR, 'h');
}

function pair(ms: number, large: number, name: string, small: number, smallName: string): string {
  return `${Math.floor(ms / large)} ${name} ${Math.floor((ms % large) / small)} ${smallName}`;
}
