// START HERE: the parts of the page meet. What the server says comes in at `onMessage`, the state
// of the link at `onPhase`; what the user writes goes out through `say`.

import { ChatLink } from '../client/chat-link.ts';
import { Outbox } from '../client/outbox.ts';
import { webSocketDoor } from '../client/web-socket-door.ts';
import { ComposerView } from './composer-view.js';
import { Conversation } from './conversation.js';
import { byId } from './element.js';
import { HoodView } from './hood-view.js';
import { InviteView } from './invite-view.js';
import { KeptLogin } from './kept-login.js';
import { LogView } from './log-view.js';
import { Members } from './members.js';
import { MembersView } from './members-view.js';
import { OutboxView } from './outbox-view.js';
import { ScrollView } from './scroll-view.js';
import { heartbeatIntervalMs, serverFacts } from './server-facts.js';
import { Siblings } from './siblings.js';
import { SignInView } from './sign-in-view.js';
import { StatusView } from './status-view.js';
import { TitleView } from './title-view.js';
import { causeSentence, OUTBOX_FULL_HINT } from './words.js';

const room = byId('chat', HTMLElement);
const members = new Members();
const outbox = new Outbox();

const facts = serverFacts();

/** Who we are. */
let login = { id: '', token: '' };
/** For a reload. */
const keptLogin = new KeptLogin(() => sessionStorage);

const connection = new ChatLink({
  door: webSocketDoor('/ws', onNews),
  onPhase,
  onMessage,
  onRoundTrip: (ms) => {
    status.showRoundTrip(ms);
    hood.roundTrip(ms);
  },
  heartbeatMs: heartbeatIntervalMs(facts.idleSeconds),
});

const siblings = new Siblings(
  () => new BroadcastChannel('broadcast-chat'),
  (isSame) => {
    if (isSame(login.id)) status.wentOnElsewhere();
  },
);
const scroll = new ScrollView(
  byId('log', HTMLElement),
  byId('log-content', HTMLElement),
  byId('new-messages', HTMLButtonElement),
);
const log = new LogView(byId('messages', HTMLOListElement), scroll);
const conversation = new Conversation({ log, onOwnFound: (text) => outbox.found(text) });
const membersView = new MembersView(members);
const invite = new InviteView();
const hood = new HoodView(connection);
const title = new TitleView();
const composer = new ComposerView(say);
const signIn = new SignInView({
  token: facts.token,
  onSignIn: enter,
  onEdit: () => void connection.close(),
});
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
  conversation.reset(id);
  composer.clear();
  title.clear();
  byId('self-name', HTMLElement).textContent = id;
  membersChanged();
  deliver();
}

/** Signs out and forgets. */
function leave() {
  const unsent = outbox.messages.length;
  if (unsent > 0 && !confirm('Some of your messages are not delivered. Sign out and drop them?'))
    return;
  void connection.close();
  login = { id: '', token: '' };
  startAnew('');
  showSignIn();
}

/** @param {string} [cause] */
function showSignIn(cause) {
  room.hidden = true;
  membersView.close();
  hood.hide();
  signIn.open(cause);
}

/** @param {import('../client/phase.ts').Phase} phase */
function onPhase(phase) {
  status.show(phase);
  signIn.show(phase);
  composer.enable(phase.name !== 'kicked');
  hood.phaseChanged(phase);
  if (phase.name === 'online') wentOnline();
  else if (phase.name !== 'ending') wentDown(phase);
  if (phase.name === 'refused') showSignIn(phase.because);
}

function wentOnline() {
  const isFirst = room.hidden;
  room.hidden = false;
  signIn.close();
  siblings.signedIn(login.id);
  conversation.signedIn();
  connection.send('WHO');
  connection.ask('ways');
  connection.ask('history');
  deliver();
  if (isFirst) {
    scroll.toEnd();
    composer.focus();
  }
}

/** @param {import('../client/phase.ts').Phase} phase */
function wentDown(phase) {
  if (login.id === '' || room.hidden || !conversation.linkLost()) return;
  if (phase.name === 'waiting' && phase.because === 'TOO_LONG') outbox.refuseOldest();
  outbox.linkLost();
  outboxView.show(login.id, outbox.messages);
  if (phase.name === 'waiting') log.linkNotice(causeSentence(phase.because));
}

/** @param {import('../client/server-message.ts').ServerMessage} message */
function onMessage(message) {
  switch (message.kind) {
    case 'echo':
      outbox.confirm(message.text);
      invite.talked();
      conversation.said(login.id, message.text);
      outboxView.show(login.id, outbox.messages);
      return;
    case 'message':
      members.heard(message.id);
      conversation.said(message.id, message.text);
      title.messageCame();
      return;
    case 'joined':
      members.heard(message.id);
      if (message.id !== login.id) log.presence(message.id, 'joined');
      break;
    case 'left':
      members.left(message.id);
      if (message.id !== login.id) log.presence(message.id, 'left');
      break;
    case 'members':
      members.listBegins(message.count);
      break;
    case 'member':
      members.listed(message.id);
      break;
    case 'error':
      if (message.code === 'ALREADY_AUTH') outbox.refuseOldest();
      outboxView.show(login.id, outbox.messages);
      log.notice(causeSentence(message.code));
      return;
    default:
      return;
  }
  membersChanged();
}

/** @param {import('../page-line/page-message.ts').PageMessage} news */
function onNews(news) {
  if (news.kind === 'history') {
    conversation.history(news);
    outboxView.show(login.id, outbox.messages);
  } else if (news.kind === 'ways') {
    members.cameBy(news.ways);
    membersChanged();
  } else hood.told(news);
}

function membersChanged() {
  membersView.changed();
  invite.show(members.count === 1 && members.isComplete);
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

/** The page is in the room, or on its way there; nobody else has the name, and the server has not refused it. */
function isSignedIn() {
  return !['offline', 'kicked', 'refused'].includes(connection.phase.name);
}

byId('sign-out', HTMLButtonElement).addEventListener('click', leave);
addEventListener('pagehide', () => {
  if (isSignedIn()) keptLogin.keep(login);
});
addEventListener('pageshow', () => {
  // A page that the browser had kept alive is signed in already.
  keptLogin.take();
});
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  if (scroll.isAtEnd) log.seen();
});
addEventListener('beforeunload', (event) => {
  if (outbox.messages.length > 0) event.preventDefault();
});

const before = keptLogin.take();
signIn.open();
if (before !== null) enter(before);
