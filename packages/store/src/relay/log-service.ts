import { Buffer } from 'node:buffer';
import type {
  CallReader,
  Relay,
  RelayService,
  ServedLink,
  ServiceLink,
} from '@headrace/bus/authoring';
import { MemoryStream } from '../memory/memory-stream.ts';
import { entryText } from './entry-text.ts';
import { Followings } from './followings.ts';

/** The name of the service. */
export const LOG_SERVICE = 'log';

/** Calls of a worker to the logs in the primary. The fields follow the code. */
export const LOG_CALL = {
  /** stream, messages, ageMs */
  open: 0,
  /** stream, id, data */
  append: 1,
  /** stream, after, limit */
  read: 2,
  /** stream: the primary sends the stream and an {@link EntryText} for each message from now on */
  follow: 3,
  /** stream */
  unfollow: 4,
} as const;

/** The logs in the memory of this process, for the links of one relay. */
export class LogService implements RelayService {
  private readonly streams = new Map<string, MemoryStream>();

  /** Returns a stream, and makes it at the first call. */
  stream(name: string): MemoryStream {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      stream = new MemoryStream();
      this.streams.set(name, stream);
    }
    return stream;
  }

  connect(link: ServiceLink): ServedLink {
    return new ServedLog(this, link);
  }
}

/** Returns the logs of a relay, and makes them at the first call. */
export function logsOf({ services }: Relay): LogService {
  const known = services.get(LOG_SERVICE) as LogService | undefined;
  const logs = known ?? new LogService();
  services.set(LOG_SERVICE, logs);
  return logs;
}

class ServedLog implements ServedLink {
  private readonly logs: LogService;
  private readonly link: ServiceLink;
  private readonly followings = new Followings();

  constructor(logs: LogService, link: ServiceLink) {
    this.logs = logs;
    this.link = link;
  }

  call(fields: CallReader): () => unknown {
    const { logs, link, followings } = this;
    const what = fields.number();
    const name = fields.text();
    switch (what) {
      case LOG_CALL.open: {
        const limits = { messages: fields.number(), ageMs: fields.number() };
        return () => logs.stream(name).limit(limits);
      }
      case LOG_CALL.append: {
        const id = fields.text();
        const bytes = Buffer.from(fields.text(), 'base64');
        return () => logs.stream(name).append(id, bytes, link.now());
      }
      case LOG_CALL.read: {
        const after = fields.number();
        const limit = fields.number();
        return () => {
          const page = logs.stream(name).read(after, limit, link.now());
          return { ...page, entries: page.entries.map(entryText) };
        };
      }
      case LOG_CALL.follow:
        return () =>
          followings.begin(name, () =>
            logs.stream(name).follow((entry) => {
              const text = entryText(entry);
              link.tell(name.length + entry.id.length + text[4].length + 64, name, text);
            }),
          );
      case LOG_CALL.unfollow:
        return () => followings.end(name);
      default:
        throw new Error(`there is no call ${what}`);
    }
  }

  close(): void {
    this.followings.close();
  }
}
