/** A page has no frames that the members of a broadcast could share: each message is written as it is. */
export const SharedMessage = {
  of(message: unknown): unknown {
    return message;
  },
};
