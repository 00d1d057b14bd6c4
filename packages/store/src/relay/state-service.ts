import type {
  CallReader,
  Relay,
  RelayService,
  ServedLink,
  ServiceLink,
} from '@headrace/bus/authoring';
import { OpenedLimits } from '../contract/opened-limits.ts';
import type { StateLimits } from '../contract/state-log.ts';
import { MemoryStates } from '../memory/memory-states.ts';
import { stateEntryText, stateWriteFrom } from './entry-text.ts';
import { Followings } from './followings.ts';

/** The name of the service. */
export const STATE_SERVICE = 'state';

/** Calls of a worker to the states in the primary. The fields follow the code. */
export const STATE_CALL = {
  /** stream, keys, bytes, removals, removalAgeMs */
  open: 0,
  /** stream, id, {@link stateWriteFields} */
  append: 1,
  /** stream, after, limit */
  read: 2,
  /** stream: the primary sends the stream and a {@link StateEntryText} for each change from now on */
  follow: 3,
  /** stream */
  unfollow: 4,
} as const;

/** The states in the memory of this process, for the links of one relay. */
export class StateService extends MemoryStates implements RelayService {
  connect(link: ServiceLink): ServedLink {
    return new ServedStates(this, link);
  }
}

/** Returns the states of a relay, and makes them at the first call. */
export function statesIn({ services }: Relay): StateService {
  const known = services.get(STATE_SERVICE) as StateService | undefined;
  const states = known ?? new StateService();
  services.set(STATE_SERVICE, states);
  return states;
}

class ServedStates implements ServedLink {
  private readonly states: StateService;
  private readonly link: ServiceLink;
  private readonly limits = new OpenedLimits<StateLimits>();
  private readonly followings = new Followings();

  constructor(states: StateService, link: ServiceLink) {
    this.states = states;
    this.link = link;
  }

  call(fields: CallReader): () => unknown {
    const { states, link, limits, followings } = this;
    const what = fields.number();
    const name = fields.text();
    switch (what) {
      case STATE_CALL.open: {
        const [keys, bytes] = [fields.number(), fields.number()];
        const [removals, removalAgeMs] = [fields.number(), fields.number()];
        return () => limits.open(name, { keys, bytes, removals, removalAgeMs });
      }
      case STATE_CALL.append: {
        const id = fields.text();
        const write = stateWriteFrom(fields);
        return () => {
          const answer = states.state(name).append(id, write, limits.of(name), link.now());
          if (!('conflict' in answer) || answer.conflict === null) return answer;
          return { conflict: stateEntryText(answer.conflict) };
        };
      }
      case STATE_CALL.read: {
        const after = fields.number();
        const limit = fields.number();
        return () => {
          const page = states.state(name).read(after, limit, limits.of(name), link.now());
          return { ...page, entries: page.entries.map(stateEntryText) };
        };
      }
      case STATE_CALL.follow:
        return () =>
          followings.begin(name, () =>
            states.state(name).follow((entry) => {
              const text = stateEntryText(entry);
              const texts = entry.id.length + entry.key.length + text[4].length;
              link.tell(name.length + texts + 80, name, text);
            }),
          );
      case STATE_CALL.unfollow:
        return () => followings.end(name);
      default:
        throw new Error(`there is no call ${what}`);
    }
  }

  close(): void {
    this.followings.close();
  }
}
