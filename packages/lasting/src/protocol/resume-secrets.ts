import { secretsEqual } from '@headrace/handlers';

/** The secrets that the client of a lasting channel may have, for another process. */
export interface SecretsState {
  /** Oldest first; the client has had the first one, and is given the last one. */
  readonly secrets: readonly string[];
  /** How many the client had before the first of them. */
  readonly secretsBefore: number;
}

/**
 * The secrets with which the client of a lasting channel may come. It shows the one that it got last, and gets a further one,
 * whose number is higher. An answer may be lost, or overtaken by a RESUME of a link that was given up before: so all from
 * the last one that it certainly had are kept. There are more than two only if it was in several processes meanwhile.
 */
export class ResumeSecrets {
  /** Another process knows, or may know, the same ones: the client gets one of this process alone when it comes. */
  isShared = false;
  private list: readonly string[] = [];
  private before = 0;

  /** The one that the client is given. */
  get last(): string {
    return this.list.at(-1) ?? '';
  }

  /** The client has the last one, and uses no other. */
  get isConfirmed(): boolean {
    return this.list.length < 2;
  }

  get state(): SecretsState {
    return { secrets: this.list, secretsBefore: this.before };
  }

  /** There is this one only. */
  set(secret: string): void {
    this.list = [secret];
  }

  /** Goes on with those of another process. */
  goOn({ secrets, secretsBefore }: SecretsState): void {
    this.list = secrets;
    this.before = secretsBefore;
    this.isShared = true;
  }

  /** Takes the same time for every secret, and for no list as for a usual one. */
  knows(secret: string): boolean {
    let isKnown = false;
    for (let i = 0; i < Math.max(2, this.list.length); i++) {
      if (secretsEqual(secret, this.list[i])) isKnown = true;
    }
    return isKnown;
  }

  /**
   * The client has come with one of them, or has come with it long ago, over a link that is late. The one that it had not yet got
   * then stays, unless another process knows it, too.
   */
  shown(secret: string, draw: () => string): void {
    const isNew = this.isShared || secret === this.last;
    this.dropBefore(this.list.indexOf(secret));
    if (isNew) this.list = [...this.list, draw()];
    this.isShared = false;
  }

  /** The client has the last one. */
  confirm(): void {
    if (this.list.length > 1) this.dropBefore(this.list.length - 1);
  }

  private dropBefore(index: number): void {
    this.list = this.list.slice(index);
    this.before += index;
  }

  /**
   * The client can go on with the other copy of the channel whenever it can with this one: it has shown a secret of a higher number
   * there, or that copy knows all that this one knows.
   */
  givesWayTo({ secrets, secretsBefore }: SecretsState): boolean {
    if (secretsBefore !== this.before) return secretsBefore > this.before;
    return this.list.every((secret) => secrets.includes(secret));
  }
}
