// Who is here: the server's list, then who comes and goes.
//
// `WHO` is answered with MEMBERS:<n> and n times MEMBER:<id>. A long list comes in parts, with joins and leaves between
// them, so what is heard meanwhile counts more than the list.

export class Members {
  private ids = new Set<string>();
  /** The list that is being told. */
  private list: { left: number; ids: Set<string>; gone: Set<string> } | undefined = undefined;

  /** By name. */
  sorted(): string[] {
    return [...this.ids].sort((a, b) => a.localeCompare(b));
  }

  joined(id: string): void {
    this.ids.add(id);
    this.list?.ids.add(id);
    this.list?.gone.delete(id);
  }

  left(id: string): void {
    this.ids.delete(id);
    this.list?.ids.delete(id);
    this.list?.gone.add(id);
  }

  /** A list begins; the one before it holds until it is complete. */
  listBegins(count: number): void {
    this.list = { left: count, ids: new Set(), gone: new Set() };
  }

  listed(id: string): void {
    const { list } = this;
    if (list === undefined) return;
    if (!list.gone.has(id)) list.ids.add(id);
    list.left -= 1;
    if (list.left > 0) return;
    this.ids = list.ids;
    this.list = undefined;
  }
}
