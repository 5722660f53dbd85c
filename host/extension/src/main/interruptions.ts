/** Why a play() did not come to play, in the browser's words: the messages of its AbortError. */

const MORE = "https://goo.gl/LdLk22";
export const BY_PAUSE = `The play() request was interrupted by a call to pause(). ${MORE}`;
export const BY_LOAD = `The play() request was interrupted by a new load request. ${MORE}`;
export const BY_REMOVAL = `The play() request was interrupted because the media was removed from the document. ${MORE}`;
