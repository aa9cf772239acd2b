//! Records of an earlier build. Their names carry the API's origin alone, and `now` has no field `base`.

use super::{BASE, EPOCH, Tab, World};

/// The id of the session that the earlier build left.
pub(crate) const EARLIER: &str = "EarlierSessionEarlier0";
/// The key that goes with the session's refresh token.
pub(crate) const EARLIER_KEY: &str = "EarlierKeyEarlierKey00";

/// A session of ann's that an earlier build left in the profile, and the tab that it was used in.
pub(crate) struct Earlier {
    pub(crate) tab: Tab,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// The name that an earlier build gave to `record`.
pub(crate) fn earlier_name(record: &str) -> String {
    format!("yew-jwt-auth:{BASE}:{record}")
}

impl World {
    /// Leaves ann's session at the server of `base` as an earlier build does, with its refresh token in the
    /// vault.
    pub(crate) fn leave_earlier(&self, base: &str) -> Earlier {
        let earlier = self.leave_earlier_in_row(base);
        let row = earlier_name(&format!("row:{EARLIER}"));
        let token = format!(r#""token":"{}""#, earlier.refresh);
        self.put_entry(&row, &self.entries()[&row].replace(&token, r#""token":null"#));
        self.put_record(
            &earlier_name(&format!("refresh:{EARLIER}:0")),
            &format!(r#"{{"v":2,"sid":"{EARLIER}","generation":0,"refresh_token":"{}"}}"#, earlier.refresh),
        );
        earlier
    }

    /// As [`leave_earlier`](Self::leave_earlier), with the refresh token in the ledger's row.
    pub(crate) fn leave_earlier_in_row(&self, base: &str) -> Earlier {
        let (access, refresh) = self.server_at(base, |server| server.issue("ann", self.time()));
        let idempotent =
            self.server_at(base, |server| server.rotation == crate::server::Rotation::Idempotent);
        let now = EPOCH + self.time();
        self.put_entry(&earlier_name("now"), &format!(r#"{{"v":1,"sid":"{EARLIER}","before":null}}"#));
        self.put_entry(
            &earlier_name(&format!("row:{EARLIER}")),
            &format!(
                r#"{{"v":1,"sid":"{EARLIER}","sub":"ann","generation":0,"key":"{EARLIER_KEY}","next":null,"previous_key":null,"ended":null,"flight":null,"not_before":null,"failures":0,"bucket":{{"left":10,"since":{now}}},"unchanged":0,"idempotent":{idempotent},"token":"{refresh}"}}"#
            ),
        );
        let tab = self.tab();
        tab.put(&earlier_name("access"), &earlier_access(&access, now, false));
        Earlier { tab, access, refresh }
    }
}

/// An access record of an earlier build; `alone` if its session was the tab's own and in no ledger.
pub(crate) fn earlier_access(access: &str, received: u64, alone: bool) -> String {
    format!(
        r#"{{"v":2,"sid":"{EARLIER}","user":"ann","generation":0,"access_token":"{access}","received":{received},"lifetime":900,"alone":{alone},"kept":true}}"#
    )
}
