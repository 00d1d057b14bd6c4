/** The streams that one link follows, with the functions that end it. */
export class Followings {
  private readonly ends = new Map<string, () => void>();

  /** Follows a stream, unless it is followed already. */
  begin(stream: string, follow: () => () => void): void {
    if (!this.ends.has(stream)) this.ends.set(stream, follow());
  }

  end(stream: string): void {
    this.ends.get(stream)?.();
    this.ends.delete(stream);
  }

  close(): void {
    for (const end of this.ends.values()) end();
    this.ends.clear();
  }
}
