import type { Channel } from '@headrace/core';
import { toError, whenSettled } from '@headrace/core/authoring';
import type { AuthAttempt, AuthVerdict } from './auth-options.ts';
import { PendingAttempt } from './pending-attempt.ts';

type Verdict<Principal, Reply> = AuthVerdict<Principal, Reply>;

/** Asks an authenticator. Returns a verdict, at once or later, or `undefined` if the authenticator waits for credentials. */
export type Question<Principal, Reply> = (
  attempt: AuthAttempt,
) => Verdict<Principal, Reply> | PromiseLike<Verdict<Principal, Reply>> | undefined;

/** The object that receives the reports of an {@link Inquiry}. */
export interface InquiryOwner<Principal, Reply> {
  began(): void;
  /** Called when the answer will follow later. */
  waits(): void;
  /** Called when the authenticator does not decide, but waits for credentials. */
  undecided(): void;
  decided(verdict: Verdict<Principal, Reply>): void;
  /** Called when the authenticator threw or rejected. */
  failed(cause: Error): void;
}

/** The questions of one channel to its authenticator. Only the last question counts, until it is aborted. */
export class Inquiry<Principal, Reply> {
  private readonly owner: InquiryOwner<Principal, Reply>;
  private attempt: PendingAttempt | undefined = undefined;

  constructor(owner: InquiryOwner<Principal, Reply>) {
    this.owner = owner;
  }

  /** Whether an answer is awaited. */
  get isOpen(): boolean {
    return this.attempt !== undefined;
  }

  ask(channel: Channel, question: Question<Principal, Reply>): void {
    const attempt = new PendingAttempt(channel);
    this.attempt = attempt;
    this.owner.began();
    try {
      const answer = question(attempt);
      if (answer === undefined) {
        this.attempt = undefined;
        this.owner.undecided();
      } else if ('then' in answer) {
        // The authenticator itself may have caused a kick of this session.
        if (this.attempt === attempt) this.owner.waits();
        whenSettled(
          answer,
          (verdict) => this.decided(attempt, verdict),
          (thrown: unknown) => this.failed(attempt, toError(thrown)),
        );
      } else this.decided(attempt, answer);
    } catch (thrown) {
      this.failed(attempt, toError(thrown));
    }
  }

  /** Drops the answer that is awaited. */
  abort(why: Error | undefined): void {
    const { attempt } = this;
    this.attempt = undefined;
    attempt?.abort(why);
  }

  private decided(attempt: PendingAttempt, verdict: Verdict<Principal, Reply>): void {
    if (this.isOver(attempt)) return;
    this.owner.decided(verdict);
  }

  private failed(attempt: PendingAttempt, cause: Error): void {
    if (this.isOver(attempt)) return;
    this.owner.failed(cause);
  }

  /** Returns true if the answer of the attempt is not awaited any more. */
  private isOver(attempt: PendingAttempt): boolean {
    if (this.attempt !== attempt) return true;
    this.attempt = undefined;
    return false;
  }
}
