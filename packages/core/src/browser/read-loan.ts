// A page's bytes come in memory of their own, so nothing is lent.

export function lendRead(): undefined {}

export function endLoan(): void {}

export function keepLoan(): void {}

export function keepIfLent(): void {}

export function keepIfView(): void {}

export function keepIfForeign(): void {}

export function isLent(): boolean {
  return false;
}
