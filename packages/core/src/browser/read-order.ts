/** A page asks, and seldom answers. */
export function watchOrder(): void {}
