// Tables and lines in a terminal of any width.

type Row = Readonly<Record<string, string>>;

const GAP = '  ';
const INDENT = '  ';
/** Columns that begin at the left. The others are numbers. */
const LEFT = new Set(['PROCESS', 'HOST']);

/** Returns a line of titles and a line for each row. All rows have the columns of the widest row. */
export function table(rows: readonly Row[]): string[] {
  const names = namesOf(rows);
  const all = [Object.fromEntries(names.map((name) => [name, name])), ...rows];
  const widths = names.map((name) => Math.max(...all.map((row) => (row[name] ?? '').length)));
  return all.map((row) =>
    names
      .map((name, index) => {
        const text = row[name] ?? '';
        const width = widths[index]!;
        return LEFT.has(name) ? text.padEnd(width) : text.padStart(width);
      })
      .join(GAP)
      .trimEnd(),
  );
}

/** Returns a block for each row, for a terminal that is narrower than the table: the first column, then the others by name. */
export function blocks(rows: readonly Row[], columns: number): string[] {
  const [first = '', ...others] = namesOf(rows);
  return rows.flatMap((row) => {
    const parts = others
      .filter((name) => (row[name] ?? '') !== '')
      .map((name) => `${name.toLowerCase()} ${row[name]}`);
    return wrapped(row[first] ?? '', parts, columns);
  });
}

/** Returns a line `title: part, part`, which continues on further lines if it is longer than the terminal is wide. */
export function wrapped(
  title: string,
  parts: readonly string[],
  columns = Number.POSITIVE_INFINITY,
): string[] {
  const lines: string[] = [];
  let line = `${title}:`;
  parts.forEach((part, index) => {
    const text = index < parts.length - 1 ? `${part},` : part;
    if (line.length + 1 + text.length > columns) {
      lines.push(line);
      line = `${INDENT}${text}`;
    } else line = `${line} ${text}`;
  });
  lines.push(line);
  return lines.flatMap((each) => cut(each, columns));
}

/** Cuts a line that has one long part. */
function cut(line: string, columns: number): string[] {
  if (line.length <= columns) return [line];
  return [line.slice(0, columns), ...cut(`${INDENT}${line.slice(columns)}`, Math.max(columns, 8))];
}

function namesOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}
