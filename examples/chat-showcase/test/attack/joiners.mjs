// Members that connect and sign in all at once, run as a process by joiners-process.ts. Arguments: the port, how many,
// and what their names begin with. They begin on the parent's word; each further word is answered with what they heard.
import net from 'node:net';

const [port, count, prefix] = process.argv.slice(2);
const WORD = 'AUTH_OK\n';
const JOIN = 'JOIN:';

class Member {
  joins = 0;
  pieces = 0;
  isSignedIn = false;
  tail = '';
  isReset = false;
  isClosed = false;
  /** When it heard BYE, by the clock of all processes. */
  byeAt = 0;

  /** @param {string} id */
  constructor(id) {
    const socket = net.connect({ host: '127.0.0.1', port: Number(port) });
    socket.setEncoding('latin1').on('data', (text) => this.hear(String(text)));
    // One that was not accepted before the end is reset.
    socket.on('error', () => {
      this.isReset = true;
    });
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('connect', () => socket.write(`AUTH:${id}\n`));
  }

  /** @param {string} text */
  hear(text) {
    const before = this.joins;
    this.isSignedIn ||= text.startsWith(WORD);
    // The end of the last piece may be the beginning of a word.
    const all = this.tail + text;
    for (let at = all.indexOf(JOIN); at >= 0; at = all.indexOf(JOIN, at + 1)) this.joins += 1;
    this.tail = all.slice(-(JOIN.length - 1));
    if (this.joins > before) this.pieces += 1;
    if (this.hasHeardBye) this.byeAt = Date.now();
  }

  get hasHeardBye() {
    return this.tail === 'BYE\n';
  }
}

/** @type {Member[]} */
const members = [];
/** @param {(member: Member) => boolean} is */
const howMany = (is) => members.filter(is).length;

process.on('message', (word) => {
  if (word === 'begin') {
    for (let i = 0; i < Number(count); i++) members.push(new Member(`${prefix}-${i}`));
    return;
  }
  process.send?.({
    signedIn: howMany(({ isSignedIn }) => isSignedIn),
    byes: howMany(({ isSignedIn, hasHeardBye }) => isSignedIn && hasHeardBye),
    resets: howMany(({ isSignedIn, isReset }) => isSignedIn && isReset),
    lastByeAt: members.reduce((last, { byeAt }) => Math.max(last, byeAt), 0),
    open: howMany(({ isClosed }) => !isClosed),
    joins: members.reduce((sum, { joins }) => sum + joins, 0),
    pieces: members.reduce((sum, { pieces }) => sum + pieces, 0),
  });
});
process.send?.('ready');
