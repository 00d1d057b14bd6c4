/** Something of the whole process that simulations change while they run: once for all of them that run at once. */
export class SharedChange<User> {
  private readonly users = new Set<User>();
  private readonly make: (users: ReadonlySet<User>) => () => void;
  private undo: () => void = () => {};

  /** @param make - makes the change for all its users; returns what takes it back */
  constructor(make: (users: ReadonlySet<User>) => () => void) {
    this.make = make;
  }

  /** Makes the change if there is no other user. Returns what ends this use. */
  use(user: User): () => void {
    if (this.users.size === 0) this.undo = this.make(this.users);
    this.users.add(user);
    return () => {
      if (this.users.delete(user) && this.users.size === 0) this.undo();
    };
  }
}
