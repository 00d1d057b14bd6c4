import type { BusSubscription } from '../bus/bus.ts';
import { decodeBody, encodeBody } from '../envelope/body.ts';
import { checkBodyLength, KIND } from '../envelope/envelope.ts';
import { toNote } from '../node/inbox.ts';
import type { GroupPresence } from '../presence/group-presence.ts';
import type { GroupContext } from '../presence/presence.ts';

/** Carries out a command for connections of this node; what it returns is the answer. */
export type CommandListener = (command: Record<string, unknown>) => unknown;

const PART = 'connections';
const ANSWERS = 'connection-answers';
/** Of the presence of gateways; no token of a name begins with `c`. */
const GATEWAYS = 'cg';

/** Commands about connections to the gateways of a cluster, and their answers; one for each node. */
export class ConnectionCommands {
  private readonly context: GroupContext;
  private readonly gateways: GroupPresence;
  private readonly open = new Set<(gone: string) => void>();
  private listener: CommandListener | undefined = undefined;
  private subscription: BusSubscription | undefined = undefined;
  private asked = 0;

  constructor(context: GroupContext) {
    const { directory, presence } = context;
    const gone = (id: string): void => {
      for (const one of [...this.open]) one(id);
    };
    this.context = context;
    this.gateways = presence.part(GATEWAYS, { joined: () => {}, left: (_id, node) => gone(node) });
    directory.on('left', ({ id }) => gone(id));
  }

  get nodeId(): string {
    return this.context.wire.nodeId;
  }

  /** This node has connections: it carries out commands. */
  serve(listener: CommandListener): () => void {
    const { wire, inbox, presence } = this.context;
    this.listener = listener;
    const stop = inbox.listen(PART, '', (note, from) => this.received(note, from));
    this.subscription = wire.listen(wire.subjects.connections, (envelope) =>
      this.received(toNote(decodeBody(envelope)), envelope.node),
    );
    this.gateways.add('');
    presence.flushSoon();
    return () => {
      stop();
      this.subscription?.close();
      this.listener = undefined;
      this.gateways.remove('');
    };
  }

  /**
   * Sends a command at once, and resolves with the answers that come in time, of one node or of all gateways.
   *
   * @throws EncodeError `MESSAGE_TOO_LONG`, as a rejection
   */
  async ask(node: string | undefined, command: object, timeoutMs: number): Promise<unknown[]> {
    const { wire, inbox, presence } = this.context;
    this.asked += 1;
    const about = String(this.asked);
    const note = { to: PART, about: '', ask: about, ...command };
    checkBodyLength(encodeBody(note).body);
    const answers: unknown[] = [];
    const isKnown = node !== undefined || presence.isSure;
    const expected = new Set(node === undefined ? this.gateways.holders('') : [node]);
    if (this.listener !== undefined) expected.add(wire.nodeId);
    if (node !== undefined && node !== wire.nodeId) expected.delete(wire.nodeId);
    return await new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        stop();
        this.open.delete(gone);
        resolve(answers);
      };
      const gone = (id: string): void => {
        if (expected.delete(id) && expected.size === 0 && isKnown) end();
      };
      const timer = wire.host.clock.schedule(end, timeoutMs);
      const stop = inbox.listen(ANSWERS, about, ({ value }, from) => {
        answers.push(value);
        gone(from);
      });
      this.open.add(gone);
      const here = (): void => {
        try {
          answers.push(this.listener?.(note));
        } finally {
          gone(wire.nodeId);
        }
      };
      if (expected.has(wire.nodeId)) wire.host.clock.execute(here);
      if (node === undefined) wire.sendJson(wire.subjects.connections, KIND.ask, note);
      else if (node !== wire.nodeId) inbox.send(node, KIND.ask, note);
      if (expected.size === 0 && isKnown) end();
    });
  }

  private received(note: Record<string, unknown>, from: string): void {
    const { inbox, directory } = this.context;
    if (!directory.heardOf(from)) return;
    const { ask } = note;
    const value = this.listener?.(note);
    inbox.send(from, KIND.answer, { to: ANSWERS, about: String(ask), ...{ value } });
  }
}

/** The part of a node. */
export function connectionCommands(context: GroupContext): ConnectionCommands {
  return new ConnectionCommands(context);
}
