import type {
  ClusterMessage,
  ClusterWatcher,
  ListenAnswer,
  ListenQuestion,
} from './cluster-channel.ts';

interface KeptPort {
  port: number;
  /** The workers that listen on the port. Without any worker, Node closes the socket, and the port is free. */
  readonly workers: Set<WorkerPorts>;
  /** Whether Node's listening handle of port 0 is gone. Then a question for port 0 is changed to a question for this port. */
  isNamed: boolean;
}

/**
 * The ports that the system chose for servers on port 0. Node keeps a port while any worker listens on it. After a moment without
 * workers, Node would let the system choose another port. This class makes the next workers ask for the same port. If another
 * program has taken the port, one start fails, and the next start receives another port.
 */
export class KeptPorts {
  private readonly ports = new Map<string, KeptPort>();

  watcher(): ClusterWatcher {
    return new WorkerPorts((question) => this.of(question));
  }

  private of({ address, addressType, fd, index }: ListenQuestion): KeptPort {
    const name = [address, addressType, fd, index].join();
    let kept = this.ports.get(name);
    if (kept === undefined) {
      kept = { port: 0, workers: new Set(), isNamed: false };
      this.ports.set(name, kept);
    }
    return kept;
  }
}

/** The requests of one worker. */
class WorkerPorts implements ClusterWatcher {
  private readonly find: (question: ListenQuestion) => KeptPort;
  private readonly asked = new Map<unknown, KeptPort>();
  private readonly byKey = new Map<unknown, KeptPort>();

  constructor(find: (question: ListenQuestion) => KeptPort) {
    this.find = find;
  }

  received(message: ClusterMessage): void {
    if (message.act === 'queryServer') this.ask(message as ListenQuestion);
    else if (message.act === 'close') {
      this.byKey.get(message.key)?.workers.delete(this);
      this.byKey.delete(message.key);
    }
  }

  sent(message: ClusterMessage): void {
    const kept = this.asked.get(message.ack);
    if (kept === undefined) return;
    this.asked.delete(message.ack);
    const { errno, sockname, key } = message as ListenAnswer;
    if (errno) {
      kept.workers.clear();
      kept.port = 0;
      kept.isNamed = false;
    } else if (typeof sockname?.port === 'number') {
      kept.port = sockname.port;
      this.byKey.set(key, kept);
    }
  }

  gone(): void {
    for (const kept of [...this.asked.values(), ...this.byKey.values()]) kept.workers.delete(this);
    this.asked.clear();
    this.byKey.clear();
  }

  private ask(question: ListenQuestion): void {
    if (question.port !== 0 || typeof question.addressType !== 'number') return;
    const kept = this.find(question);
    if (kept.workers.size === 0 && kept.port !== 0) kept.isNamed = true;
    if (kept.isNamed) question.port = kept.port;
    kept.workers.add(this);
    this.asked.set(question.seq, kept);
  }
}
