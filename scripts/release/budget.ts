import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a package costs who installs it. */
export interface PackageCost {
  /** The tarball. */
  readonly packedKiB: number;
  /** Its files. */
  readonly unpackedKiB: number;
  /** How many packages come with it, itself included; optional peers are not installed. */
  readonly packages: number;
  /** All of node_modules. */
  readonly installedKiB: number;
  /** The install by npm, its downloads cached. */
  readonly seconds: number;
}

/** What a check fails for, and what it only says. */
export interface Judgement {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** From this share of a limit on, a warning comes before what will stop somebody's work. */
const NEARLY = 0.99;

/** Compares a size with its limit. */
export function judgeSize(spent: number, allowed: number, unit: string, where: string): Judgement {
  const words = `${spent} ${unit}, its budget is ${allowed} (${where})`;
  if (spent > allowed) return { problems: [words], warnings: [] };
  return { problems: [], warnings: spent > allowed * NEARLY ? [words] : [] };
}

/** All our packages together, unpacked: their own readers and writers of MessagePack and CBOR, instead of two libraries, are among them. */
export const ALL_UNPACKED_KIB = 5340;

const BUDGETS = 'scripts/release/budgets.json';
/** They move without a commit of ours: by releases of other packages, by npm, by the machine. */
const OF_OTHERS = [
  ['packages', 'packages'],
  ['installedKiB', 'KiB installed'],
  ['seconds', 's to install'],
] as const;

/** The budgets of the packages, by their names. */
export function readBudgets(root: string): Readonly<Record<string, PackageCost>> {
  return JSON.parse(readFileSync(join(root, BUDGETS), 'utf8'));
}

/** Judges what is known of a package's cost: its own size is a limit, what others decide is a warning. */
export function judgeCost(
  cost: Pick<PackageCost, 'packedKiB' | 'unpackedKiB'> & Partial<PackageCost>,
  budget: PackageCost | undefined,
): Judgement {
  if (budget === undefined) return { problems: [`has no budget in ${BUDGETS}`], warnings: [] };
  const sizes = [
    judgeSize(cost.packedKiB, budget.packedKiB, 'KiB packed', BUDGETS),
    judgeSize(cost.unpackedKiB, budget.unpackedKiB, 'KiB unpacked', BUDGETS),
  ];
  const ofOthers = OF_OTHERS.flatMap(([key, unit]) => {
    const spent = cost[key];
    if (spent === undefined || spent <= budget[key]) return [];
    return [`${spent} ${unit}, its budget is ${budget[key]} (${BUDGETS})`];
  });
  return {
    problems: sizes.flatMap(({ problems }) => problems),
    warnings: [...sizes.flatMap(({ warnings }) => warnings), ...ofOthers],
  };
}
