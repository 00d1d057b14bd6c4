// The members that were added to or removed from a schema, where both versions have the same structure.
import { memberPath } from './difference.ts';
import {
  isObject,
  type Keywords,
  keywordsOf,
  namedSchemas,
  own,
  referenced,
  type SchemaNode,
} from './schema-node.ts';

/** A member that only one of two schemas has. */
export interface MemberChange {
  readonly path: string;
  readonly kind: 'added' | 'removed';
}

const MAX_DEPTH = 20;

/** Returns the members that only one schema names, at places that both schemas have. */
export function memberChanges(
  older: SchemaNode,
  newer: SchemaNode,
  path = '',
  depth = 0,
): MemberChange[] {
  if (depth > MAX_DEPTH) return [];
  const [before, after] = [parts(older), parts(newer)];
  const [olderMembers, newerMembers] = [membersOf(before), membersOf(after)];
  const within = (one: SchemaNode, other: SchemaNode, place: string): MemberChange[] =>
    memberChanges(one, other, place, depth + 1);
  const changes: MemberChange[] = [];
  // A schema that names no members accepts all members, or is not a schema of objects.
  if (hasMembers(before) && hasMembers(after)) {
    for (const name of new Set([...olderMembers.keys(), ...newerMembers.keys()])) {
      const place = memberPath(path, name);
      const [one, other] = [olderMembers.get(name), newerMembers.get(name)];
      if (one === undefined) changes.push({ path: place, kind: 'added' });
      else if (other === undefined) {
        if (!takesOthers(after)) changes.push({ path: place, kind: 'removed' });
      } else changes.push(...within(one, other, place));
    }
  }
  const [one, other] = [itemsOf(before), itemsOf(after)];
  if (one !== undefined && other !== undefined) changes.push(...within(one, other, `${path}[]`));
  changes.push(...pairedBranches(before, after).flatMap(([a, b]) => within(a, b, path)));
  return changes;
}

/** Returns a schema and the schemas that its `$ref` and `allOf` add for the same value. */
function parts({ schema, root }: SchemaNode, depth = 0): SchemaNode[] {
  if (!isObject(schema) || depth > MAX_DEPTH) return [];
  const all = Array.isArray(schema['allOf']) ? (schema['allOf'] as Keywords[]) : [];
  const inner = all.flatMap((each) => parts({ schema: each, root }, depth + 1));
  const target = schema['$ref'] === undefined ? [] : parts(targetOf(schema, root), depth + 1);
  return [{ schema, root }, ...inner, ...target];
}

function targetOf(schema: Keywords, root: SchemaNode['root']): SchemaNode {
  try {
    return referenced(schema['$ref'], root);
  } catch {
    // The comparison of the whole schema reports this error.
    return { schema: false, root };
  }
}

const hasMembers = (nodes: readonly SchemaNode[]): boolean =>
  nodes.some(({ schema }) => isObject(schema) && schema['properties'] !== undefined);

/** Returns true if a schema checks members that it does not name. */
function takesOthers(nodes: readonly SchemaNode[]): boolean {
  return nodes.some((node) =>
    keywordsOf(node).some(([keyword]) =>
      ['additionalProperties', 'patternProperties', 'unevaluatedProperties'].includes(keyword),
    ),
  );
}

function membersOf(nodes: readonly SchemaNode[]): Map<string, SchemaNode> {
  const members = new Map<string, SchemaNode>();
  for (const { schema, root } of nodes) {
    if (!isObject(schema)) continue;
    for (const [name, each] of Object.entries(namedSchemas(schema, 'properties'))) {
      if (!members.has(name)) members.set(name, { schema: each, root });
    }
  }
  return members;
}

function itemsOf(nodes: readonly SchemaNode[]): SchemaNode | undefined {
  for (const { schema, root } of nodes) {
    const items = isObject(schema) ? own(schema, 'items') : undefined;
    if (isObject(items)) return { schema: items, root };
  }
  return undefined;
}

/** Returns pairs of the branches of `anyOf` and `oneOf`, if both schemas have the same number of branches. */
function pairedBranches(
  before: readonly SchemaNode[],
  after: readonly SchemaNode[],
): [SchemaNode, SchemaNode][] {
  const [ones, others] = [branchesOf(before), branchesOf(after)];
  if (ones.length !== others.length) return [];
  return ones.map((one, index) => [one, others[index]!]);
}

function branchesOf(nodes: readonly SchemaNode[]): SchemaNode[] {
  return nodes.flatMap(({ schema, root }) => {
    const branches = isObject(schema) ? (schema['anyOf'] ?? schema['oneOf']) : undefined;
    if (!Array.isArray(branches)) return [];
    return branches.map((each: Keywords) => ({ schema: each, root }));
  });
}
