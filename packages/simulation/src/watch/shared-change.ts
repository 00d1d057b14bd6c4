/** A change to the whole process that is made once for all running simulations. */
export class SharedChange<User> {
  private readonly users = new Set<User>();
  private readonly make: (users: ReadonlySet<User>) => () => void;
  private undo: () => void = () => {};

  /** @param make - function that makes the change for all users, and returns a function that undoes it */
  constructor(make: (users: ReadonlySet<User>) => () => void) {
    this.make = make;
  }

  /** Makes the change if there is no other user. Returns a function that ends this use. */
  use(user: User): () => void {
    if (this.users.size === 0) this.undo = this.make(this.users);
    this.users.add(user);
    return () => {
      if (this.users.delete(user) && this.users.size === 0) this.undo();
    };
  }
}
