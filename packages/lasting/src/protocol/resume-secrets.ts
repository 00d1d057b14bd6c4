import { secretsEqual } from '@headrace/handlers';

/** The secrets of a lasting channel's client, for another process. */
export interface SecretsState {
  /** Secrets, the oldest first. The client has received the first one, and is given the last one. */
  readonly secrets: readonly string[];
  /** Number of secrets that the client had before the first of these. */
  readonly secretsBefore: number;
}

/**
 * The secrets with which the client of a lasting channel can resume. The client shows its last secret and receives a new one with
 * a higher number. An answer can be lost, or arrive after a RESUME of an abandoned link. So all secrets are kept from the last
 * one that the client certainly has. More than two secrets exist only if the channel was in several processes meanwhile.
 */
export class ResumeSecrets {
  /**
   * Whether another process may know the same secrets. If so, the client receives a secret of this process alone when it resumes.
   */
  isShared = false;
  private list: readonly string[] = [];
  private before = 0;

  /** The secret that the client is given. */
  get last(): string {
    return this.list.at(-1) ?? '';
  }

  /** Whether the client has the last secret and uses no other. */
  get isConfirmed(): boolean {
    return this.list.length < 2;
  }

  get state(): SecretsState {
    return { secrets: this.list, secretsBefore: this.before };
  }

  /** Sets the only secret. */
  set(secret: string): void {
    this.list = [secret];
  }

  /** Continues with the secrets of another process. */
  restore({ secrets, secretsBefore }: SecretsState): void {
    this.list = secrets;
    this.before = secretsBefore;
    this.isShared = true;
  }

  /** Checks a secret. Takes the same time for every secret, and for an empty list as for a usual list. */
  knows(secret: string): boolean {
    let isKnown = false;
    for (let i = 0; i < Math.max(2, this.list.length); i++) {
      if (secretsEqual(secret, this.list[i])) isKnown = true;
    }
    return isKnown;
  }

  /**
   * Called when the client has shown one of the secrets, possibly late, over an older link. If the client had not received its
   * next secret, that secret stays, unless another process may know it too.
   */
  shown(secret: string, draw: () => string): void {
    const isNew = this.isShared || secret === this.last;
    this.dropBefore(this.list.indexOf(secret));
    if (isNew) this.list = [...this.list, draw()];
    this.isShared = false;
  }

  /** Called when the client has the last secret. */
  confirm(): void {
    if (this.list.length > 1) this.dropBefore(this.list.length - 1);
  }

  private dropBefore(index: number): void {
    this.list = this.list.slice(index);
    this.before += index;
  }
}
