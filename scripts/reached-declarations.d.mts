export function keepReachedDeclarations(dist: string, entries: readonly string[]): void;
