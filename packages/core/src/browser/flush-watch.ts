/** A page has one connection, and its console no room for a watch. */
export class FlushWatch {
  written(): void {}
}
