/** A component of a CycloneDX document, as npm writes it. */
export interface SbomComponent {
  readonly name?: string;
  readonly version?: string;
  readonly purl?: string;
  readonly licenses?: readonly unknown[];
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
  return {
    ...sbom,
    metadata: { ...sbom.metadata, ...(subject === undefined ? {} : { component: subject }) },
    components: components.filter((component) => component !== subject),
  };
}

/** What a bill of materials lacks of what was installed. */
export function sbomProblems(
  sbom: Sbom,
  name: string,
  installed: ReadonlyArray<{ readonly name: string; readonly version: string }>,
): string[] {
  const subject = sbom.metadata?.component;
  if (sbom.bomFormat !== 'CycloneDX') return ['its bill of materials is no CycloneDX document'];
  if (subject?.name !== name) return ['its bill of materials is about something else'];
  const listed = new Map(
    [subject, ...(sbom.components ?? [])].map((one) => [`${one.name} ${one.version}`, one]),
  );
  return installed.flatMap(({ name, version }) => {
    const component = listed.get(`${name} ${version}`);
    if (component === undefined) return [`its bill of materials lacks ${name} ${version}`];
    const { purl, licenses = [] } = component;
    if (purl?.startsWith('pkg:npm/') && licenses.length > 0) return [];
    return [`its bill of materials has no address or no licence for ${name}`];
  });
}
