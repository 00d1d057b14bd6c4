// A page has no UDP sockets: what asks for one says so. The class is there, because simulations watch it.
function refuse(): never {
  throw new Error('UDP needs Node: a page has no sockets for datagrams');
}

export class Socket {
  bind(): never {
    return refuse();
  }

  send(): never {
    return refuse();
  }
}

export const createSocket = refuse;
export default { Socket, createSocket };
