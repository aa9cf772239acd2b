// Lets the driver make many calls without a view: what bench/page/ does for this project.
export const expose = ({ login, get }) => {
  const lane = async (calls) => {
    let failed = 0;
    for (let at = 0; at < calls; at += 1) await get().catch(() => { failed += 1; });
    return failed;
  };
  // `count` calls in `lanes` lanes that each make one after the other. Returns how many failed.
  const run = async (count, lanes) => {
    const failed = await Promise.all(Array.from({ length: lanes }, () => lane(count / lanes)));
    return failed.reduce((sum, one) => sum + one, 0);
  };
  globalThis.calls = { login, run };
};
