// One message, as RFC 5424 or as RFC 3164 has it.

/** The parameters of each element of structured data, by the element's id. */
export type StructuredData = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface SyslogMessage {
  /** 0 to 23, such as 4 for `auth`. */
  readonly facility: number;
  /** 0 to 7, such as 3 for `err`. */
  readonly severity: number;
  readonly format: 'RFC 5424' | 'RFC 3164';
  /** As it was sent: ISO 8601, or `Oct 11 22:14:15`, of a year and a time zone that are not said. */
  readonly time?: string;
  readonly host?: string;
  readonly app?: string;
  readonly process?: string;
  readonly id?: string;
  readonly data?: StructuredData;
  readonly text: string;
}

const PRIORITY = /^<(0|[1-9]\d{0,2})>/;
const MAX_PRIORITY = 191;
/** `user.notice`, of a message that has none (RFC 3164, 4.3.3). */
const USUAL_PRIORITY = 13;
/** `1 TIME HOST APP PROCESS ID`, each of printable characters, then structured data. */
const HEAD_5424 = /^1 (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) (?=[-[])/;
const HEAD_3164 = /^([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (\S{1,255}) /;
/** `app[process]: `; both may be missing. */
const TAG_3164 = /^([^\s:[\]]{1,48})(?:\[([^\s\]]{1,128})\])?: ?/;
const ELEMENT = /\[([^\s=\]"]{1,32})((?: [^\s=\]"]{1,32}="(?:[^"\\\]]|\\.)*")*)\]/y;
const PARAMETER = / ([^\s=\]"]{1,32})="((?:[^"\\\]]|\\.)*)"/g;

/** @throws Error that says what is wrong with a message that claims to be one of RFC 5424. Everything else is one of RFC 3164. */
export function parseSyslog(line: string): SyslogMessage {
  const [head, digits] = PRIORITY.exec(line) ?? [];
  const priority = Number(digits ?? MAX_PRIORITY + 1);
  if (head === undefined || priority > MAX_PRIORITY) {
    return { ...levels(USUAL_PRIORITY), format: 'RFC 3164', text: line };
  }
  const rest = line.slice(head.length);
  return { ...levels(priority), ...(rest.startsWith('1 ') ? parse5424(rest) : parse3164(rest)) };
}

function levels(priority: number): Pick<SyslogMessage, 'facility' | 'severity'> {
  return { facility: priority >> 3, severity: priority & 7 };
}

type Rest = Omit<SyslogMessage, 'facility' | 'severity'>;

function parse5424(rest: string): Rest {
  const found = HEAD_5424.exec(rest);
  if (found === null) throw new Error('its header is not that of RFC 5424');
  const [head, time, host, app, process, id] = found;
  const { data, end } = structuredData(rest, head.length);
  const text = rest.slice(end + 1).replace(/^\uFEFF/, '');
  const fields = Object.entries({ time, host, app, process, id }).filter(([, it]) => it !== '-');
  return { format: 'RFC 5424', ...Object.fromEntries(fields), ...(data && { data }), text };
}

function structuredData(rest: string, start: number): { data?: StructuredData; end: number } {
  let end = start;
  const data: Record<string, Record<string, string>> = Object.create(null);
  if (rest[start] === '-') end += 1;
  while (rest[end] === '[') {
    ELEMENT.lastIndex = end;
    const [all, id, parameters] = ELEMENT.exec(rest) ?? [];
    if (all === undefined) throw new Error('its structured data are not those of RFC 5424');
    const own: Record<string, string> = Object.create(null);
    for (const [, name, value] of parameters!.matchAll(PARAMETER)) {
      own[name!] = value!.replace(/\\(["\\\]])/g, '$1');
    }
    data[id!] = own;
    end += all.length;
  }
  if (end < rest.length && rest[end] !== ' ') throw new Error('no space before its text');
  return rest[start] === '-' ? { end } : { data, end };
}

function parse3164(rest: string): Rest {
  const [head = '', time, host] = HEAD_3164.exec(rest) ?? [];
  if (time === undefined || host === undefined) return { format: 'RFC 3164', text: rest };
  const content = rest.slice(head.length);
  const [tag = '', app, process] = TAG_3164.exec(content) ?? [];
  const text = content.slice(tag.length);
  return { format: 'RFC 3164', time, host, ...(app && { app }), ...(process && { process }), text };
}
