/** One direction of one connection. */
interface Account {
  readonly sent: string[];
  heard: number;
}

/**
 * What was sent and heard on each connection, by the name that its client gave it: every message exactly once and in
 * order, as far as it came.
 */
export class Ledger {
  /** What is wrong. */
  readonly faults: string[] = [];
  private readonly accounts = new Map<string, Account>();

  /** A message was given to the connection. */
  sent(connection: string, message: string): void {
    this.account(connection).sent.push(message);
  }

  /** A message came out at the other end. */
  heard(connection: string, message: string): void {
    const account = this.account(connection);
    const expected = account.sent[account.heard];
    account.heard += 1;
    if (message === expected || this.faults.length > 20) return;
    this.faults.push(
      `${connection}: message ${account.heard} is ${short(message)}, but ${short(expected)} was sent`,
    );
  }

  countOf(connection: string): { sent: number; heard: number } {
    const { sent, heard } = this.account(connection);
    return { sent: sent.length, heard };
  }

  /** This connection is whole: all that was sent must have been heard. */
  expectAll(connection: string): void {
    const { sent, heard } = this.countOf(connection);
    if (heard !== sent) this.faults.push(`${connection}: ${sent} were sent, ${heard} were heard`);
  }

  /** How many were heard on all connections. */
  get total(): number {
    return [...this.accounts.values()].reduce((sum, { heard }) => sum + heard, 0);
  }

  private account(connection: string): Account {
    let account = this.accounts.get(connection);
    if (account === undefined) {
      account = { sent: [], heard: 0 };
      this.accounts.set(connection, account);
    }
    return account;
  }
}

function short(text: string | undefined): string {
  return text === undefined || text.length <= 60 ? String(text) : `${text.slice(0, 60)}…`;
}
