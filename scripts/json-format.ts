/** The JSON text with the indentation, the line ends and the end of another one; two spaces, if that one is a single line. */
export function formattedLike(text: string, other: string): string {
  const indent = /^[\t ]+(?=")/m.exec(other)?.[0] ?? 2;
  const lines = JSON.stringify(JSON.parse(text), undefined, indent);
  const isEnded = other.endsWith('\n');
  const formatted = isEnded ? `${lines}\n` : lines;
  return other.includes('\r\n') ? formatted.replaceAll('\n', '\r\n') : formatted;
}
