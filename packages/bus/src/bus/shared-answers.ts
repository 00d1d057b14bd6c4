/**
 * Questions about names whose callers share the answers. For each name, at most one question is under way and one waits behind it,
 * however many callers there are: work for each call would pile up while the other end is silent. An answer covers everything
 * before its question, so a call waits for a question that begins after the call.
 */
export class SharedAnswers<Answer> {
  private readonly ask: (about: string) => Promise<Answer>;
  private readonly underWay = new Map<string, Promise<Answer>>();
  private readonly next = new Map<string, Promise<Answer>>();

  constructor(ask: (about: string) => Promise<Answer>) {
    this.ask = ask;
  }

  /** Returns the answer to a question that begins now, or after the question that is under way. */
  of(about: string): Promise<Answer> {
    const underWay = this.underWay.get(about);
    if (underWay === undefined) return this.begin(about);
    let next = this.next.get(about);
    if (next === undefined) {
      const again = (): Promise<Answer> => {
        this.next.delete(about);
        return this.of(about);
      };
      next = underWay.then(again, again);
      this.next.set(about, next);
    }
    return next;
  }

  private begin(about: string): Promise<Answer> {
    const answer = this.ask(about);
    this.underWay.set(about, answer);
    const over = (): void => void this.underWay.delete(about);
    answer.then(over, over);
    return answer;
  }
}
