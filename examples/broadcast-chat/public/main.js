// START HERE: the parts of the page meet. What the server says comes in at `onMessage`, the state
// of the link at `onPhase`; what the user writes goes out through `say`.

import { ComposerView } from './composer-view.js';
import { ChatConnection } from './connection.js';
import { byId } from './element.js';
import { LogView } from './log-view.js';
import { Members } from './members.js';
import { MembersView } from './members-view.js';
import { Outbox } from './outbox.js';
import { OutboxView } from './outbox-view.js';
import { ScrollView } from './scroll-view.js';
import { SignInView } from './sign-in-view.js';
import { StatusView } from './status-view.js';
import { TitleView } from './title-view.js';
import { causeSentence, gapSentence, OUTBOX_FULL_HINT, welcomeSentence } from './words.js';

const room = byId('chat', HTMLElement);
const members = new Members();
const outbox = new Outbox();

/** Who we are, and since when the link has been down. */
let login = { id: '', token: '' };
/** @type {number | null} */
let lostAt = null;

const connection = new ChatConnection({
  createSocket: () => new WebSocket(socketAddress()),
  timers: {
    setTimeout: (run, ms) => setTimeout(run, ms),
    clearTimeout: (timer) => clearTimeout(timer),
    now: () => performance.now(),
  },
  random: Math.random,
  onPhase,
  onMessage,
});

const scroll = new ScrollView(
  byId('log', HTMLElement),
  byId('log-content', HTMLElement),
  byId('new-messages', HTMLButtonElement),
);
const log = new LogView(byId('messages', HTMLOListElement), scroll);
const membersView = new MembersView(members);
const title = new TitleView();
const composer = new ComposerView(say);
const signIn = new SignInView({ onSignIn: enter, onEdit: () => connection.close() });
const status = new StatusView({
  onRetry: () => connection.retryNow(),
  onTakeOver: () => enter(login),
  onOtherName: leave,
});
const outboxView = new OutboxView({
  list: byId('outbox', HTMLOListElement),
  onRetry: (key) => {
    outbox.requeue(key);
    deliver();
  },
  onDiscard: (key) => {
    outbox.discard(key);
    deliver();
  },
});

/** @param {{ id: string, token: string }} next */
function enter(next) {
  if (next.id !== login.id) startAnew(next.id);
  login = next;
  connection.open(login);
}

/** @param {string} id */
function startAnew(id) {
  members.reset(id);
  outbox.clear();
  log.clear();
  composer.clear();
  title.clear();
  lostAt = null;
  byId('self-name', HTMLElement).textContent = id;
  membersView.changed();
  deliver();
}

/** Signs out and forgets. */
function leave() {
  const unsent = outbox.messages.length;
  if (unsent > 0 && !confirm('Some of your messages are not delivered. Sign out and drop them?'))
    return;
  connection.close();
  login = { id: '', token: '' };
  startAnew('');
  showSignIn();
}

/** @param {string} [cause] */
function showSignIn(cause) {
  room.hidden = true;
  membersView.close();
  signIn.open(cause);
}

/** @param {import('./connection.js').Phase} phase */
function onPhase(phase) {
  status.show(phase);
  signIn.show(phase);
  composer.enable(phase.name !== 'kicked');
  if (phase.name === 'online') wentOnline();
  else if (phase.name !== 'ending') wentDown(phase);
  if (phase.name === 'refused') showSignIn(phase.because);
}

function wentOnline() {
  const isFirst = room.hidden;
  room.hidden = false;
  signIn.close();
  if (lostAt === null) log.notice(welcomeSentence(login.id));
  else log.notice(gapSentence(Date.now() - lostAt));
  lostAt = null;
  deliver();
  if (isFirst) {
    scroll.toEnd();
    composer.focus();
  }
}

/** @param {import('./connection.js').Phase} phase */
function wentDown(phase) {
  if (login.id === '' || room.hidden || lostAt !== null) return;
  lostAt = Date.now();
  if (phase.name === 'waiting' && phase.because === 'TOO_LONG') outbox.refuseOldest();
  outbox.linkLost();
  outboxView.show(login.id, outbox.messages);
  members.missedSome();
  membersView.changed();
  if (phase.name === 'waiting') log.notice(causeSentence(phase.because));
  if (phase.name === 'kicked') log.notice(causeSentence('KICKED'));
}

/** @param {import('./protocol.js').ServerMessage} message */
function onMessage(message) {
  const at = new Date();
  switch (message.kind) {
    case 'echo':
      outbox.confirm(message.text);
      log.message({ sender: login.id, text: message.text, isOwn: true, at });
      outboxView.show(login.id, outbox.messages);
      break;
    case 'message':
      members.heard(message.id);
      log.message({ sender: message.id, text: message.text, isOwn: false, at });
      title.messageCame();
      break;
    case 'join':
      members.heard(message.id);
      if (message.id !== login.id) log.presence(message.id, 'joined');
      break;
    case 'leave':
      members.left(message.id);
      if (message.id !== login.id) log.presence(message.id, 'left');
      break;
    case 'error':
      if (message.code === 'ALREADY_AUTH') outbox.refuseOldest();
      outboxView.show(login.id, outbox.messages);
      log.notice(causeSentence(message.code));
      break;
  }
  membersView.changed();
}

/**
 * Takes a message of the user; an empty answer means that it was taken.
 *
 * @param {string} text
 */
function say(text) {
  if (outbox.isFull) return OUTBOX_FULL_HINT;
  outbox.add(text);
  deliver();
  scroll.toEnd();
  return '';
}

function deliver() {
  outbox.flush((text) => connection.send(text));
  outboxView.show(login.id, outbox.messages);
}

function socketAddress() {
  const address = new URL('/ws', location.href);
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return address;
}

byId('sign-out', HTMLButtonElement).addEventListener('click', leave);
addEventListener('online', () => connection.check());
addEventListener('offline', () => {
  if (connection.phase.name === 'online') connection.check();
});
addEventListener('pageshow', () => connection.check());
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) connection.check();
});
addEventListener('beforeunload', (event) => {
  if (outbox.messages.length > 0) event.preventDefault();
});

signIn.open();
