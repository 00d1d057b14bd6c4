import type { BusSubscription } from '@headrace/bus';
import { BUS_ERRORS } from '@headrace/bus';
import { token } from '@headrace/bus/authoring';
import { ChannelError, isHeadraceError } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { Cluster } from '../cluster/cluster.ts';
import { decodeBody, encodeBody } from '../envelope/body.ts';
import { checkBodyLength, KIND } from '../envelope/envelope.ts';
import { toNote } from '../node/inbox.ts';
import type { GroupContext } from '../presence/presence.ts';
import { Question } from '../users/question.ts';
import { ServingNodes } from './serving-nodes.ts';

/** Carries out a command on this node, and returns the answer. */
export type CommandListener = (command: Record<string, unknown>) => unknown;

/** The answer of one node. */
export interface CommandAnswer {
  readonly value?: unknown;
  /** Why the command was not carried out. */
  readonly failure?: { readonly isTooLong: boolean; readonly text: string };
}

/** The outcome of a command. */
export interface CommandOutcome {
  /** The answers by node. */
  readonly answers: ReadonlyMap<string, CommandAnswer>;
  /** The running nodes that have not answered in time. */
  readonly missing: readonly string[];
  /** Whether unknown nodes may have carried out the command, because the bus went down after the command was sent. */
  readonly isUncertain: boolean;
}

/** Where the commands of one kind go. */
interface CommandPlaces {
  /** The part of the inbox that receives the commands. */
  readonly to: string;
  /** The part of the inbox that receives the answers. */
  readonly answers: string;
  /** The subject of commands to all nodes. */
  readonly subject: string;
  /** The kind of the nodes that carry out commands. */
  readonly kind: string;
}

/** Sends commands to the nodes of a cluster that carry them out, and receives the answers. */
export class NodeCommands {
  private readonly context: GroupContext;
  private readonly places: CommandPlaces;
  private readonly nodes: ServingNodes;
  private readonly open = new Set<Question<CommandAnswer>>();
  private listener: CommandListener | undefined = undefined;
  private subscription: BusSubscription | undefined = undefined;
  private asked = 0;

  /** @internal */
  constructor(context: GroupContext, places: CommandPlaces) {
    const { directory } = context;
    const gone = (id: string): void => {
      for (const question of this.open) question.gone(id);
    };
    this.context = context;
    this.places = places;
    this.nodes = new ServingNodes(context, places.kind, gone);
    directory.on('left', ({ id }) => gone(id));
    directory.on('vanished', gone);
  }

  /** Carries out commands on this node. Returns a function that stops this service. */
  serve(listener: CommandListener): () => void {
    const { wire, inbox } = this.context;
    this.listener = listener;
    const stop = inbox.listen(this.places.to, '', (note, from) => this.received(note, from));
    this.subscription = wire.listen(this.places.subject, (envelope) =>
      this.received(toNote(decodeBody(envelope)), envelope.node),
    );
    const leave = this.nodes.serve();
    return () => {
      stop();
      this.subscription?.close();
      this.listener = undefined;
      leave();
    };
  }

  /**
   * Sends a command to one node, or to all nodes that carry out commands. Later commands arrive after this command. The promise
   * rejects with `BUS_DOWN` if the command was not sent. You may ignore it.
   *
   * @throws EncodeError `MESSAGE_TOO_LONG`, `MESSAGE_NOT_ENCODABLE`
   */
  send(node: string | undefined, command: object, timeoutMs: number): Promise<CommandOutcome> {
    this.asked += 1;
    const about = String(this.asked);
    const body = encodeBody({ to: this.places.to, about: '', ask: about, ...command });
    checkBodyLength(body.body, this.context.wire.maxBodyBytes);
    const outcome = this.ask(node, about, body, timeoutMs);
    outcome.catch(() => {});
    return outcome;
  }

  private async ask(
    node: string | undefined,
    about: string,
    body: ReturnType<typeof encodeBody>,
    timeoutMs: number,
  ): Promise<CommandOutcome> {
    const { wire, inbox } = this.context;
    const { clock } = wire.host;
    const isOwn = node === wire.nodeId;
    if (!isOwn && wire.bus.state === 'down') throw this.busDown();
    const isHere = this.listener !== undefined && (node === undefined || isOwn);
    const others = node === undefined ? this.nodes.others : isOwn ? [] : [node];
    const expected = isHere ? [wire.nodeId, ...others] : others;
    const isKnown = node !== undefined || this.nodes.isSure;
    // While the nodes are not known for certain, more of them can exist.
    const question = new Question<CommandAnswer>(clock, timeoutMs, isKnown ? expected : []);
    if (isKnown && expected.length === 0) question.end();
    const stop = inbox.listen(this.places.answers, about, (note, from) =>
      question.answered(from, note as CommandAnswer),
    );
    this.open.add(question);
    try {
      if (isHere) {
        // Decoded from the bytes, so that this node also works on a copy.
        const note = toNote(decodeBody(body));
        clock.execute(() => question.answered(wire.nodeId, this.execute(note)));
      }
      if (node === undefined) wire.send(this.places.subject, KIND.ask, body);
      else if (!isOwn) wire.send(wire.subjects.node(node), KIND.ask, body);
      const answers = await question.answers;
      const missing = this.missing(isKnown ? question.missing : undefined, answers);
      return { answers, missing, isUncertain: !isKnown && wire.bus.state === 'down' };
    } finally {
      this.open.delete(question);
      stop();
    }
  }

  /** @param expected - undefined if the nodes were not known at the start */
  private missing(expected: string[] | undefined, answers: ReadonlyMap<string, unknown>): string[] {
    const { others, isSure } = this.nodes;
    if (expected === undefined) return others.filter((id) => !answers.has(id));
    // A node that is gone, or carries out no commands, has nothing to do.
    return expected.filter((id) => !isSure || others.includes(id));
  }

  private received(note: Record<string, unknown>, from: string): void {
    const { directory } = this.context;
    if (!directory.noteActivity(from)) return;
    const about = String(note.ask);
    try {
      this.answer(from, about, this.execute(note));
    } catch (thrown) {
      this.answer(from, about, this.failed(note, thrown));
    }
  }

  private answer(to: string, about: string, answer: CommandAnswer): void {
    this.context.inbox.send(to, KIND.answer, {
      to: this.places.answers,
      about,
      ...answer,
    } as never);
  }

  private execute(note: Record<string, unknown>): CommandAnswer {
    try {
      return { value: this.listener?.(note) };
    } catch (thrown) {
      return this.failed(note, thrown);
    }
  }

  private failed({ op }: Record<string, unknown>, thrown: unknown): CommandAnswer {
    const error = toError(thrown);
    const isTooLong = isHeadraceError(error, 'MESSAGE_TOO_LONG');
    // A too long message is the caller's error, not an error of this node.
    if (!isTooLong) {
      const text = `a command failed: ${JSON.stringify(op)}`;
      this.context.wire.host.logger.log('error', text, error);
    }
    return { failure: { isTooLong, text: error.message } };
  }

  private busDown(): ChannelError {
    const { name: bus } = this.context.wire.bus;
    const text = `the bus ${bus} is down: other nodes cannot be reached`;
    return new ChannelError(BUS_ERRORS.BUS_DOWN, text, { bus, sent: false });
  }
}

/**
 * Returns the commands of a node. Each node has one object for each service, and one listener that carries them out.
 *
 * @param service - the service whose commands they are. @default the connections of gateways
 */
export function commandsOf(cluster: Cluster<never>, service?: string): NodeCommands {
  return cluster.addition(nodeCommands)(service);
}

function nodeCommands(context: GroupContext): (service: string | undefined) => NodeCommands {
  const services = new Map<string | undefined, NodeCommands>();
  return (service) => {
    const commands = services.get(service) ?? new NodeCommands(context, placesOf(context, service));
    services.set(service, commands);
    return commands;
  };
}

function placesOf({ wire }: GroupContext, service: string | undefined): CommandPlaces {
  const { subjects } = wire;
  if (service === undefined) {
    const [to, answers] = ['connections', 'connection-answers'];
    return { to, answers, subject: subjects.commands, kind: 'g' };
  }
  const name = token(service);
  const [to, answers] = [`commands ${name}`, `answers ${name}`];
  return { to, answers, subject: subjects.commandsOf(service), kind: name };
}
