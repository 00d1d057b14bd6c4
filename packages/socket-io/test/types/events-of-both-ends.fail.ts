// expect: Argument of type 'number' is not assignable to parameter of type 'string'
// expect: Argument of type '"unknown"' is not assignable to parameter of type
// expect: Type 'number' is not assignable to type 'string'
// expect: Property 'foo' does not exist on type 'string'
import { SocketIoNamespace } from '@headrace/socket-io';

interface ClientToServer {
  say: (text: string, heard: (length: number) => void) => void;
}
interface ServerToClient {
  said: (text: string) => void;
  ask: (question: string, answer: (text: string) => void) => void;
}

const chat = new SocketIoNamespace<ClientToServer, ServerToClient>('/', {
  events: {
    say: async (socket, text, heard) => {
      heard(text.length);
      text.foo; // here
      socket.emit('said', 5); // here
      const answer: string = await socket.emitWithAck('ask', 'why?');
      const wrong: string = answer.length; // here
      return wrong;
    },
  },
});
chat.to('room').emit('said', 'hello');
chat.emit('unknown'); // here
