const BYTES_PER_ROW = 16;
const GAP_AFTER = 8;

/**
 * Returns bytes as rows of offset, hex and text, sixteen bytes in a row: `00000000  48 69 0a … |Hi.|`. Bytes beyond `maxBytes`
 * are counted, but not shown.
 */
export function hexDump(bytes: Uint8Array, maxBytes: number = Number.POSITIVE_INFINITY): string {
  const shown = Math.min(bytes.length, maxBytes);
  const rows: string[] = [];
  for (let start = 0; start < shown; start += BYTES_PER_ROW) {
    rows.push(row(bytes, start, Math.min(start + BYTES_PER_ROW, shown)));
  }
  if (shown < bytes.length) rows.push(`… ${bytes.length - shown} more bytes`);
  return rows.join('\n');
}

function row(bytes: Uint8Array, start: number, end: number): string {
  let hex = '';
  let text = '';
  for (let i = start; i < start + BYTES_PER_ROW; i++) {
    if (i === start + GAP_AFTER) hex += ' ';
    if (i >= end) {
      hex += '   ';
      continue;
    }
    const byte = bytes[i]!;
    hex += `${byte.toString(16).padStart(2, '0')} `;
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
  }
  return `${start.toString(16).padStart(8, '0')}  ${hex} |${text}|`;
}
