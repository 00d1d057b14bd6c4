import { token } from '@headrace/bus/authoring';

/** The subjects of one application. */
export class Subjects {
  private readonly prefix: string;

  constructor(app: string) {
    this.prefix = `hr.${token(app)}`;
  }

  /** The subject of the heartbeats of all nodes. */
  get nodes(): string {
    return `${this.prefix}.nodes`;
  }

  node(id: string): string {
    return `${this.prefix}.n.${id}`;
  }

  group(name: string): string {
    return `${this.prefix}.g.${token(name)}`;
  }

  /** The subject of presence: members that join and leave the groups of all nodes. */
  get presence(): string {
    return `${this.prefix}.p`;
  }

  /** The subject of messages about users to all nodes, for a node that does not know yet where users are. */
  get users(): string {
    return `${this.prefix}.u`;
  }

  usersOf(node: string): string {
    return `${this.prefix}.u.${node}`;
  }

  /** The subject of commands to all nodes that carry them out. */
  get commands(): string {
    return `${this.prefix}.c`;
  }

  /** Returns the subject of commands to all nodes with a service of another package. */
  commandsOf(service: string): string {
    return `${this.prefix}.c.${token(service)}`;
  }

  /** Returns the stream of a durable group, for appends. */
  stream(name: string): string {
    return `${this.prefix}.d.${token(name)}`;
  }

  /** Returns the stream of a state group, for changes. */
  state(name: string): string {
    return `${this.prefix}.s.${token(name)}`;
  }

  /** Returns the stream of the idempotency keys of one key of an HTTP API. No token of a group begins with `k`. */
  keys(scope: string): string {
    return `${this.prefix}.s.k${token(scope)}`;
  }

  /** Returns the stream of records with this name. */
  records(name: string): string {
    return `${this.prefix}.k.${token(name)}`;
  }

  /** Returns the subject on which a bus receives its own heartbeats. */
  probe(id: string): string {
    return `${this.prefix}.b.${id}`;
  }
}
