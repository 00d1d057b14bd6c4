import {
  type ClientIdFault,
  clientIdFault,
  normalizeClientId,
} from 'headrace-example-broadcast-chat';

const TEXTS: Readonly<Record<ClientIdFault, string>> = {
  empty: 'a name is needed',
  'too-long': 'a name has at most 64 characters',
  characters:
    'a name has letters, digits, punctuation and single spaces, nothing that cannot be seen',
  spaces: 'a name has no two spaces in a row',
  colon: 'a name has no colon: on the wire it ends the name',
};

/** Why the server would not take this name, in words. */
export function idFaultText(id: string): string | undefined {
  const fault = clientIdFault(normalizeClientId(id));
  return fault && TEXTS[fault];
}
