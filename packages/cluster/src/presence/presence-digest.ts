import { hashOf, mixed } from '@headrace/core/authoring';

/**
 * A number for the members of all groups of a node. The digest is the sum of a number for each id and each group's count, so the
 * order of changes does not matter. Nodes with the same knowledge have the same digest.
 */
export class PresenceDigest {
  private sum = 0;

  get value(): number {
    return this.sum >>> 0;
  }

  /** @param group - the hash of the group's token */
  counted(group: number, before: number, after: number): void {
    this.sum = (this.sum + ofCount(group, after) - ofCount(group, before)) | 0;
  }

  came(group: number, id: string): void {
    this.sum = (this.sum + ofId(group, id)) | 0;
  }

  went(group: number, id: string): void {
    this.sum = (this.sum - ofId(group, id)) | 0;
  }
}

/** Returns zero for a group without members, so that it equals an unknown group. */
function ofCount(group: number, count: number): number {
  return count === 0 ? 0 : mixed(group ^ Math.imul(count, 0x9e3779b1));
}

function ofId(group: number, id: string): number {
  return mixed(Math.imul(group, 0x85ebca77) ^ hashOf(id));
}
