/** A component of a CycloneDX document, as npm writes it. */
export interface SbomComponent {
  readonly name?: string;
  readonly version?: string;
  /** SPDX identifiers or expressions; npm leaves out what is neither. */
  readonly licenses?: ReadonlyArray<{
    readonly license?: { readonly id?: string };
    readonly expression?: string;
  }>;
  readonly externalReferences?: ReadonlyArray<{ readonly type: string; readonly url: string }>;
}

/** The parts of a CycloneDX document that are looked at. */
export interface Sbom {
  readonly bomFormat?: string;
  readonly metadata?: { readonly component?: SbomComponent };
  readonly components?: readonly SbomComponent[];
}

/**
 * The bill of materials of a project with one package becomes the one of the package: its subject is the package, and
 * where the tarball of this check lay is nobody's business.
 */
export function ofPackage(sbom: Sbom, name: string): Sbom {
  const components = (sbom.components ?? []).map((component) => ({
    ...component,
    externalReferences: (component.externalReferences ?? []).filter(
      ({ url }) => !url.startsWith('file:'),
    ),
  }));
  const subject = components.find((component) => component.name === name);
  if (sbom.bomFormat !== 'CycloneDX' || subject === undefined)
    throw new Error(`npm gives no bill of materials of ${name}`);
  return {
    ...sbom,
    metadata: { ...sbom.metadata, component: subject },
    components: components.filter((component) => component !== subject),
  };
}

/** The file with the bill of materials of a package. */
export function sbomFileOf(name: string): string {
  return `${name.replace('@', '').replace('/', '-')}.cdx.json`;
}
