/** What a package costs who installs it. */
export interface PackageCost {
  /** The tarball. */
  readonly packedKiB: number;
  /** How many packages come with it, itself included; optional peers are not installed. */
  readonly packages: number;
  /** All of node_modules. */
  readonly installedKiB: number;
  /** The install by npm, its downloads cached. */
  readonly seconds: number;
}

const UNITS: Readonly<Record<keyof PackageCost, string>> = {
  packedKiB: 'KiB packed',
  packages: 'packages',
  installedKiB: 'KiB installed',
  seconds: 's to install',
};

/** Where a package costs more than its budget allows. */
export function budgetProblems(cost: PackageCost, budget: PackageCost | undefined): string[] {
  if (budget === undefined) return ['has no budget in scripts/release/budgets.json'];
  return Object.entries(UNITS).flatMap(([key, unit]) => {
    const spent = cost[key as keyof PackageCost];
    const allowed = budget[key as keyof PackageCost];
    if (spent <= allowed) return [];
    return [`${spent} ${unit}, its budget is ${allowed} (scripts/release/budgets.json)`];
  });
}
