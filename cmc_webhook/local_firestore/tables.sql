CREATE TABLE documents (
    parent TEXT NOT NULL,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (parent, collection, id)
);
CREATE TABLE clock (last_us INTEGER NOT NULL);
INSERT INTO clock VALUES (0);
