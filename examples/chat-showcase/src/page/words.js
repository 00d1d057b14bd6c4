// Everything the page says to people, in one place. Pure.

/** Why the link is down, or what the server refused: by ERR code, or by what the page noticed. */
const CAUSES = /** @type {Record<string, string>} */ ({
  lost: 'The connection was lost.',
  silent: 'The server stopped answering.',
  unreachable: 'The server cannot be reached.',
  slow: 'The server closed this connection: the page did not read what waited for it.',
  restarting: 'The server said goodbye. It is probably restarting.',
  sibling: 'You went on in another tab of this browser. You can go on here instead.',
  EMPTY_CLIENT_ID: 'Please enter a name.',
  BAD_CLIENT_ID:
    'The server does not take this name. It may have at most 64 characters, all of them visible.',
  AUTH_FAILED: 'The server does not let this name in with this token.',
  ALREADY_AUTH: 'The server took a message for a second sign-in and did not pass it on.',
  KICKED: 'Someone signed in under this name elsewhere, perhaps you. This page was signed out.',
  UNAUTH: 'The server expected a sign-in first.',
  AUTH_TIMEOUT: 'Signing in took too long.',
  IDLE_TIMEOUT: 'The server heard nothing from this page for too long.',
  TOO_LONG: 'The server refused a message because it was too long.',
  BAD_UTF8: 'The server could not read a message as text.',
  TOO_MANY: 'The server is full, or too many connections come from your address.',
});

/** @param {string} cause */
export function causeSentence(cause) {
  return CAUSES[cause] ?? `The server reported a problem this page does not know: ${cause}.`;
}

const ID_FAULTS = {
  empty: 'Please enter a name.',
  'too-long': 'A name has at most 64 characters.',
  spaces: 'A name has no two spaces in a row.',
  colon: 'A name cannot contain a colon.',
  characters:
    'A name has letters, digits, punctuation and single spaces, nothing that cannot be seen.',
};

/** @param {import('headrace-example-broadcast-chat/client-id').ClientIdFault} fault */
export function idFaultSentence(fault) {
  return ID_FAULTS[fault];
}

const TEXT_FAULTS = {
  empty: '',
  'too-long': 'This message is too long.',
  heartbeat: '“PING” alone means “are you there?” to the server and reaches nobody. Add a word.',
  who: '“WHO” alone asks the server who is here and reaches nobody. Add a word.',
  'sign-in': 'A message cannot start with “AUTH:”, the server would take it for a sign-in.',
};

/** @param {import('./typed.js').TextFault} fault */
export function textFaultSentence(fault) {
  return TEXT_FAULTS[fault];
}

export const OUTBOX_FULL_HINT = 'Too many messages are waiting already. Please wait a little.';

/**
 * How much room is left, when it gets tight.
 *
 * @param {number} usedBytes
 * @param {number} maxBytes
 */
export function roomHint(usedBytes, maxBytes) {
  const left = maxBytes - usedBytes;
  if (left < 0) return `${(-left).toLocaleString()} bytes too long`;
  return left < maxBytes / 10 ? `${left.toLocaleString()} bytes left` : '';
}

/**
 * @param {number} ms
 */
export function roundTripLabel(ms) {
  return ms < 1 ? '< 1 ms' : `${Math.round(ms).toLocaleString()} ms`;
}

/**
 * The connection in two or three words.
 *
 * @param {import('../client/phase.ts').Phase} phase
 * @param {number} secondsLeft
 */
export function phaseLabel(phase, secondsLeft) {
  switch (phase.name) {
    case 'offline':
      return 'Offline';
    case 'connecting':
      return 'Connecting…';
    case 'online':
      return 'Online';
    case 'ending':
      return 'Server is leaving';
    case 'waiting':
      return secondsLeft > 0 ? `Reconnecting in ${secondsLeft} s` : 'Reconnecting…';
    case 'kicked':
      return 'Signed out';
    case 'refused':
      return 'Refused';
  }
}

const OUTGOING_STATES = {
  queued: 'Waiting for the connection',
  sending: 'Sending…',
  unconfirmed: 'The connection broke before the server confirmed this. It may have arrived.',
  refused: 'The server refused this message. Nobody got it.',
};

/** @param {import('../client/outbox.ts').OutgoingState} state */
export function outgoingSentence(state) {
  return OUTGOING_STATES[state];
}

/**
 * @param {string} id
 * @param {number} earlier how many messages from before are shown
 */
export function welcomeSentence(id, earlier) {
  if (earlier === 0) return `You are in as ${id}.`;
  return `You are in as ${id}. Above: what was said last.`;
}

/**
 * @param {number} awayMs
 * @param {number} missed how many messages from meanwhile are shown
 * @param {boolean} isComplete
 */
export function gapSentence(awayMs, missed, isComplete) {
  const back = `Back after ${duration(awayMs)}.`;
  if (!isComplete) return `${back} Of what others wrote meanwhile only the last is here.`;
  if (missed === 0) return `${back} Nobody wrote meanwhile.`;
  return `${back} Above: what others wrote meanwhile.`;
}

/** @param {number} ms */
export function duration(ms) {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

const NAMED = 3;

/**
 * Who came and went: "ada and bob joined · cy left". Names are kept apart from the words, so that
 * the page can isolate them: a name may be written from right to left.
 *
 * @param {ReadonlyMap<string, 'joined' | 'left'>} changes the last change of each member
 * @returns {(string | { name: string })[]}
 */
export function presenceParts(changes) {
  const parts = [];
  for (const change of /** @type {const} */ (['joined', 'left'])) {
    const names = [...changes].filter(([, last]) => last === change).map(([name]) => name);
    if (names.length === 0) continue;
    if (parts.length > 0) parts.push(' · ');
    parts.push(...enumerate(names), ` ${change}`);
  }
  return parts;
}

/**
 * @param {string[]} names
 * @returns {(string | { name: string })[]}
 */
function enumerate(names) {
  const shown = names.length > NAMED + 1 ? names.slice(0, NAMED) : names;
  const more = names.length - shown.length;
  const items = shown.map((name) => /** @type {string | { name: string }} */ ({ name }));
  if (more > 0) items.push(`${more.toLocaleString()} others`);
  return items.flatMap((item, at) => {
    if (at === 0) return [item];
    return [at === items.length - 1 ? ' and ' : ', ', item];
  });
}

/**
 * @param {number} count
 */
export function newMessagesLabel(count) {
  return count === 1 ? '1 new message' : `${count.toLocaleString()} new messages`;
}
