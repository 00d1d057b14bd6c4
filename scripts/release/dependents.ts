// Which packages a release has to raise besides those that changesets name.

/** A package of a release. */
export interface ReleasedPackage {
  readonly name: string;
  /** The version before the release. */
  readonly before: string;
  /** The version of the release. */
  readonly version: string;
  /** Names of the packages of the workspace that it depends on, each as `^before`. */
  readonly needs: readonly string[];
}

/**
 * Raises each package that needs a version which its published range does not allow: who updates that package has to
 * update the other one, too. Returns all packages, and for each raised one the packages that made it necessary.
 */
export function raiseDependents(packages: readonly ReleasedPackage[]): {
  readonly packages: readonly ReleasedPackage[];
  readonly reasons: ReadonlyMap<string, readonly string[]>;
} {
  const byName = new Map(packages.map((one) => [one.name, one]));
  const reasons = new Map<string, readonly string[]>();
  const left = (name: string): boolean => {
    const { before, version } = byName.get(name)!;
    return !isInRange(version, before);
  };
  for (let isStable = false; !isStable; ) {
    isStable = true;
    for (const one of byName.values()) {
      const because = one.needs.filter(left);
      if (because.length === 0 || !isInRange(one.version, one.before)) continue;
      byName.set(one.name, { ...one, version: nextBreaking(one.before) });
      reasons.set(one.name, because);
      isStable = false;
    }
  }
  return { packages: [...byName.values()], reasons };
}

/** Whether `^before` allows this later version. */
function isInRange(version: string, before: string): boolean {
  const [major, minor] = numbers(version);
  const [majorBefore, minorBefore] = numbers(before);
  return major === majorBefore && (major > 0 || minor === minorBefore);
}

function nextBreaking(before: string): string {
  const [major, minor] = numbers(before);
  return major > 0 ? `${major + 1}.0.0` : `0.${minor + 1}.0`;
}

function numbers(version: string): [major: number, minor: number] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return [major, minor];
}
