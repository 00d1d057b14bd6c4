import { RespError, type RespInput, RespMap, RespNull, RespSimple } from '@headrace/resp';
import type { Session } from '../session.ts';
import { type CommandTable, syntaxError } from './command.ts';

const ANY = Number.POSITIVE_INFINITY;
const MAX_NAME_BYTES = 1024;
const PONG = new RespSimple('PONG');
const VERSION = '7.0.0';
/** The answers of INFO, by section; ioredis waits for `loading:0` before its first command. */
const INFO: Readonly<Record<string, string>> = {
  server: `redis_version:${VERSION}\r\nredis_mode:standalone\r\n`,
  persistence: 'loading:0\r\n',
  replication: 'role:master\r\n',
};
const ALL_SECTIONS = ['default', 'all', 'everything'];

export const CONNECTION_COMMANDS: CommandTable = {
  ping: { min: 0, max: 1, run: ping },
  echo: { min: 1, run: (_session, [message]) => message! },
  quit: { min: 0, max: ANY, run: quit },
  hello: { min: 0, max: ANY, run: hello },
  client: { min: 1, max: ANY, run: client },
  info: { min: 0, max: ANY, run: info },
  // Commands that clients and redis-cli send and can do without.
  command: { min: 0, max: ANY, run: () => [] },
  config: { min: 1, max: ANY, run: (_session, [, name]) => new RespMap([name ?? '', '']) },
  select: {
    min: 1,
    run: (_session, [index]) => (String(index) === '0' ? RespSimple.OK : outOfRange()),
  },
};

function ping({ names, codec }: Session, [message]: readonly Buffer[]): RespInput {
  if (names.size > 0 && codec.protocol === 2) return ['pong', message ?? ''];
  return message ?? PONG;
}

function quit(session: Session): RespInput {
  session.isOver = true;
  return RespSimple.OK;
}

/** HELLO [version [AUTH user password] [SETNAME name]] */
function hello(session: Session, [version, ...words]: readonly Buffer[]): RespInput {
  const number = version === undefined ? session.codec.protocol : Number(version.toString());
  if (number !== 2 && number !== 3) return new RespError('NOPROTO unsupported protocol version');
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!.toString().toLowerCase();
    if (word === 'setname' && at + 1 < words.length) {
      const refusal = setName(session, words[++at]!);
      if (refusal !== undefined) return refusal;
    } else if (word === 'auth' && at + 2 < words.length) return noPassword();
    else return syntaxError();
  }
  session.codec.protocol = number;
  return new RespMap<RespInput>([
    ...['server', 'mini-redis', 'version', VERSION],
    ...[
      'proto',
      number,
      'id',
      idOf(session),
      'mode',
      'standalone',
      'role',
      'master',
      'modules',
      [],
    ],
  ]);
}

/** INFO [section …] */
function info(_session: Session, words: readonly Buffer[]): string {
  const asked = words.map((word) => word.toString().toLowerCase());
  const isAll = asked.length === 0 || asked.some((name) => ALL_SECTIONS.includes(name));
  return Object.entries(INFO)
    .filter(([name]) => isAll || asked.includes(name))
    .map(([name, lines]) => `# ${name[0]!.toUpperCase()}${name.slice(1)}\r\n${lines}`)
    .join('\r\n');
}

function client(session: Session, [word, value]: readonly Buffer[]): RespInput {
  const subcommand = word!.toString().toLowerCase();
  switch (subcommand) {
    case 'id':
      return idOf(session);
    case 'getname':
      return session.clientName === '' ? RespNull.STRING : session.clientName;
    case 'setname':
      return setName(session, value ?? Buffer.alloc(0)) ?? RespSimple.OK;
    case 'setinfo':
      return RespSimple.OK;
    default:
      return new RespError(`ERR unknown subcommand '${subcommand}'. Try CLIENT HELP.`);
  }
}

/** Each client may keep one. */
function setName(session: Session, name: Buffer): RespError | undefined {
  if (name.length > MAX_NAME_BYTES) return new RespError('ERR Client name is too long');
  session.clientName = name.toString();
  return undefined;
}

function idOf({ channel }: Session): number {
  return Number.parseInt(channel.id, 16);
}

function noPassword(): RespError {
  return new RespError(
    'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
  );
}

function outOfRange(): RespError {
  return new RespError('ERR DB index is out of range');
}
