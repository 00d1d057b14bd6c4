/** A page asks, and rarely answers. */
export function watchOrder(): void {}
