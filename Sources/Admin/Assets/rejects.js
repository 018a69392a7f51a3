// Reads the beginning of an errors.csv: as many rows as fit on a page, however long the file is.

const maximumRows = 100;
const maximumBytes = 256 * 1024;

/** Fields of CSV lines as the importer writes them: quoted where it must be, quotes doubled. */
function parse(text) {
  const records = [];
  let record = [];
  let field = "";
  let isQuoted = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (isQuoted) {
      if (character !== "\"") field += character;
      else if (text[index + 1] === "\"") { field += "\""; index += 1; } else isQuoted = false;
    } else if (character === "\"") isQuoted = true;
    else if (character === "," || character === "\n") {
      record.push(field);
      field = "";
      if (character === "\n") {
        records.push(record);
        record = [];
      }
    } else if (character !== "\r") field += character;
  }
  return records;
}

export async function readRejects(url) {
  const response = await fetch(url);
  if (!response.ok) return { rows: [], isWhole: true };
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let isWhole = false;
  while (text.length < maximumBytes) {
    const { done, value } = await reader.read();
    if (done) {
      isWhole = true;
      break;
    }
    text += decoder.decode(value, { stream: true });
  }
  reader.cancel();
  const [head, ...records] = parse(text);
  const rows = records.slice(0, maximumRows).map((record) => Object.fromEntries(head.map((name, at) => [name, record[at] ?? ""])));
  return { rows, isWhole: isWhole && records.length <= maximumRows };
}
