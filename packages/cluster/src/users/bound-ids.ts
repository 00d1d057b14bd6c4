import type { Session } from '@headrace/handlers';

/** The ids of one channel. Nearly every channel has one id, so a map for each channel would waste memory. */
export class BoundIds<Principal> {
  private readonly first: string;
  /** The session of the first id, or undefined once the id is unbound. */
  private session: Session<Principal> | undefined;
  private others: Map<string, Session<Principal>> | undefined = undefined;

  constructor(id: string, session: Session<Principal>) {
    this.first = id;
    this.session = session;
  }

  get(id: string): Session<Principal> | undefined {
    return id === this.first ? this.session : this.others?.get(id);
  }

  set(id: string, session: Session<Principal>): void {
    if (id === this.first) {
      this.session = session;
      return;
    }
    this.others ??= new Map();
    this.others.set(id, session);
  }

  delete(id: string): void {
    if (id === this.first) this.session = undefined;
    else this.others?.delete(id);
  }

  ids(): string[] {
    const others = this.others === undefined ? [] : [...this.others.keys()];
    return this.session === undefined ? others : [this.first, ...others];
  }
}
