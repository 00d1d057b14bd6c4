/** The limits of the streams that were opened over one link. Nodes can have different ones, and each call has those of its node. */
export class OpenedLimits<Limits> {
  private readonly limits = new Map<string, Limits>();

  open(stream: string, limits: Limits): void {
    this.limits.set(stream, limits);
  }

  release(stream: string): void {
    this.limits.delete(stream);
  }

  /** @throws Error for a stream that was not opened over this link */
  of(stream: string): Limits {
    const limits = this.limits.get(stream);
    if (limits === undefined) throw new Error(`${stream} is not open`);
    return limits;
  }
}
