CREATE TABLE IF NOT EXISTS user (
  id INTEGER PRIMARY KEY,
  username TEXT UNIQUE NOT NULL COLLATE NOCASE,  -- Ann and ann are one
  password TEXT NOT NULL                         -- as werkzeug.security hashes it
);

CREATE TABLE IF NOT EXISTS post (
  id INTEGER PRIMARY KEY,
  author_id INTEGER NOT NULL REFERENCES user (id),
  created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ')),  -- UTC
  title TEXT NOT NULL,
  body TEXT NOT NULL
);
