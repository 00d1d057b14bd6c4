import { generate } from 'selfsigned';

interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** What the trials get: an authority, what it signed, and a stranger with an authority of its own. */
export interface TrialCertificates {
  readonly ca: string;
  readonly localhost: Identity;
  readonly example: Identity;
  readonly ann: Identity;
  readonly stranger: Identity & { readonly ca: string };
}

const KEYS = { keyType: 'ec', algorithm: 'sha256' } as const;

export async function trialCertificates(): Promise<TrialCertificates> {
  const [ours, theirs] = [await authority('ours'), await authority('theirs')];
  return {
    ca: ours.cert,
    localhost: await sign(ours, 'localhost'),
    example: await sign(ours, 'example.com'),
    ann: await sign(ours, 'ann'),
    stranger: { ca: theirs.cert, ...(await sign(theirs, 'ann')) },
  };
}

async function authority(commonName: string): Promise<Identity> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: commonName }], {
    ...KEYS,
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'keyUsage', keyCertSign: true },
    ],
  });
  return { cert, key };
}

async function sign(ca: Identity, commonName: string): Promise<Identity> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: commonName }], {
    ...KEYS,
    ca,
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: commonName }] }],
  });
  return { cert, key };
}
